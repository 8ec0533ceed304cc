/// A place in a record, linked to the place it lies in: it costs nothing until something is wrong there.
#[derive(Clone, Copy)]
pub struct At<'p> {
    parent: Option<&'p At<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> At<'p> {
    /// The whole record.
    pub const ROOT: At<'static> = At { parent: None, step: Step::Root };

    /// The member of this name.
    #[inline]
    pub fn key<'q>(&'q self, key: &'q str) -> At<'q>
    where
        'p: 'q,
    {
        At { parent: Some(self), step: Step::Key(key) }
    }

    /// The element of this index.
    #[inline]
    pub fn index<'q>(&'q self, index: usize) -> At<'q>
    where
        'p: 'q,
    {
        At { parent: Some(self), step: Step::Index(index) }
    }

    /// The JSON Pointer (RFC 6901) to this place.
    #[cold]
    pub fn pointer(&self) -> String {
        let mut pointer = match self.parent {
            Some(parent) => parent.pointer(),
            None => String::new(),
        };
        match self.step {
            Step::Root => {}
            Step::Index(index) => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Step::Key(key) => {
                pointer.push('/');
                push_escaped(&mut pointer, key);
            }
        }
        pointer
    }
}

/// RFC 6901, section 3: `~` is written `~0` and `/` is written `~1`.
fn push_escaped(pointer: &mut String, key: &str) {
    for c in key.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::At;

    #[test]
    fn pointers_escape_tilde_and_slash() {
        let object = At::ROOT.key("a/b");
        let list = object.key("~m");
        assert_eq!(list.index(3).pointer(), "/a~1b/~0m/3");
        assert_eq!(At::ROOT.pointer(), "");
        assert_eq!(At::ROOT.key("").pointer(), "/");
    }
}
