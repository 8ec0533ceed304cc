/// Whether two byte strings are the same. WebAssembly's `memcmp` is a call and a loop over single bytes: for the short names
/// and values that are compared for each record, this is several times as fast.
#[inline]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match one.len() {
        0..4 => one.iter().zip(other).all(|(one, other)| one == other),
        4..8 => ends::<4>(one) == ends::<4>(other),
        8..=16 => ends::<8>(one) == ends::<8>(other),
        _ => {
            let (words, _) = one.as_chunks::<8>();
            let (other_words, _) = other.as_chunks::<8>();
            words.iter().zip(other_words).all(|(one, other)| word(one) == word(other))
                && ends::<8>(one) == ends::<8>(other)
        }
    }
}

/// The first and the last `N` bytes, which may overlap.
#[inline]
fn ends<const N: usize>(bytes: &[u8]) -> Option<(u64, u64)> {
    Some((word::<N>(bytes.first_chunk()?), word::<N>(bytes.last_chunk()?)))
}

#[inline]
fn word<const N: usize>(bytes: &[u8; N]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn strings_of_any_length_are_the_same_only_if_every_byte_is() {
        for length in 0..40 {
            let one: Vec<u8> = (0..length).collect();
            assert!(same(&one, &one.clone()));
            assert!(!same(&one, &[&one[..], b"x"].concat()));
            for at in 0..one.len() {
                let mut other = one.clone();
                other[at] ^= 1;
                assert!(!same(&one, &other), "of {length} bytes, byte {at} differs");
            }
        }
    }
}
