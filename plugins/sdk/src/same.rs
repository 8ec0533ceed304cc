/// Whether two byte strings are the same. WebAssembly's `memcmp` is a call and a loop over single bytes: for the short names
/// and values that are compared for each record, this is several times as fast.
#[inline]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (words, rest) = one.as_chunks::<8>();
    let (other_words, other_rest) = other.as_chunks::<8>();
    let equal = |(one, other): (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*one) == u64::from_le_bytes(*other);
    if !words.iter().zip(other_words).all(equal) {
        return false;
    }
    if let (Some(one), Some(other)) = (one.last_chunk(), other.last_chunk()) {
        return equal((one, other));
    }
    if let (Some(one_end), Some(other_end)) = (rest.last_chunk(), other_rest.last_chunk())
        && let (Some(one), Some(other)) = (rest.first_chunk(), other_rest.first_chunk())
    {
        let equal = |one: &[u8; 4], other: &[u8; 4]| u32::from_le_bytes(*one) == u32::from_le_bytes(*other);
        return equal(one, other) && equal(one_end, other_end);
    }
    rest.iter().zip(other_rest).all(|(one, other)| one == other)
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
