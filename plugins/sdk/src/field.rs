use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::json::{Reader, Stop};
use crate::lax::{self, Date, DateTime};
use crate::rule::{self, Check};
use crate::{At, Schema};

/// A type that a record's field may have. `#[derive(Record)]` makes one of a struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type that a record's field can have",
    note = "there are `String`, `Cow<'a, str>`, `f64`, `i64`, `bool`, `DateTime`, `Date`, `Option`, `Vec` and `BTreeMap<String, _>` of them, and whatever derives `Record`"
)]
pub trait Field<'a>: Sized {
    /// Reads the value that comes next. What is wrong with it is noted in the reader, and it is read past.
    ///
    /// # Errors
    ///
    /// [`Stop::Faulty`] if it is not what it should be, [`Stop::Syntax`] if it is not JSON.
    fn read(reader: &mut Reader<'a>, at: &At<'_>) -> Result<Self, Stop>;

    /// The value of a field that is not there; none if it must be.
    #[inline]
    fn absent() -> Option<Self> {
        None
    }

    /// The JSON Schema of the values.
    fn schema() -> Schema;
}

/// One field while its struct is being read.
#[doc(hidden)]
pub enum Slot<T> {
    Unseen,
    Faulty,
    Read(T),
}

impl<T> Slot<T> {
    /// Reads the value that comes next into the slot. Of several of one name the last one counts.
    #[inline]
    pub fn fill<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        within: &At<'_>,
        name: &str,
        check: impl FnOnce(&T) -> Check,
    ) -> Result<(), Stop>
    where
        T: Field<'a>,
    {
        let at = within.key(name);
        if !matches!(self, Slot::Unseen) {
            reader.forget(&at);
        }
        *self = match T::read(reader, &at) {
            Ok(value) => match check(&value) {
                Ok(()) => Slot::Read(value),
                Err(broken) => {
                    reader.note(broken.violation(&at));
                    Slot::Faulty
                }
            },
            Err(Stop::Faulty) => Slot::Faulty,
            Err(Stop::Syntax) => return Err(Stop::Syntax),
        };
        Ok(())
    }

    /// What the slot holds when all has been read.
    #[inline]
    pub fn finish(
        self,
        reader: &mut Reader<'_>,
        within: &At<'_>,
        name: &str,
        absent: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        match self {
            Slot::Read(value) => Some(value),
            Slot::Faulty => None,
            Slot::Unseen => {
                let value = absent();
                if value.is_none() {
                    missing(reader, within, name);
                }
                value
            }
        }
    }
}

#[cold]
fn missing(reader: &mut Reader<'_>, within: &At<'_>, name: &str) {
    reader.note(crate::Violation::new(within.key(name).pointer(), "missing", "is missing"));
}

/// Reads past what is no text.
#[cold]
fn no_text(reader: &mut Reader<'_>, at: &At<'_>) -> Stop {
    match reader.input().map(lax::text) {
        Ok(Ok(_)) => Stop::Faulty,
        Ok(Err(miss)) => reader.miss(at, miss),
        Err(stop) => stop,
    }
}

impl<'a> Field<'a> for Cow<'a, str> {
    #[inline]
    fn read(reader: &mut Reader<'a>, at: &At<'_>) -> Result<Self, Stop> {
        match reader.text()? {
            Some(text) => Ok(text),
            None => Err(no_text(reader, at)),
        }
    }

    fn schema() -> Schema {
        Schema::of_type("string")
    }
}

impl<'a> Field<'a> for String {
    #[inline]
    fn read(reader: &mut Reader<'a>, at: &At<'_>) -> Result<Self, Stop> {
        Cow::read(reader, at).map(Cow::into_owned)
    }

    fn schema() -> Schema {
        Schema::of_type("string")
    }
}

macro_rules! scalar {
    ($($type:ty, $convert:path, $strict:path, $schema:expr;)*) => {$(
        impl<'a> Field<'a> for $type {
            #[inline]
            fn read(reader: &mut Reader<'a>, at: &At<'_>) -> Result<Self, Stop> {
                let input = reader.input()?;
                let read = if reader.is_strict() { $strict(&input) } else { $convert(&input) };
                read.map_err(|miss| reader.miss(at, miss))
            }

            fn schema() -> Schema {
                $schema
            }
        }
    )*};
}

scalar! {
    f64, lax::float, lax::strict_float, Schema::of_type("number");
    i64, lax::integer, lax::strict_integer, Schema::of_type("integer");
    bool, lax::boolean, lax::strict_boolean, Schema::of_type("boolean");
    DateTime, lax::datetime, lax::strict_datetime, Schema::of_type("string").with_text("format", "date-time");
    Date, lax::date, lax::strict_date, Schema::of_type("string").with_text("format", "date");
}

macro_rules! narrower {
    ($($type:ty),*) => {$(
        impl<'a> Field<'a> for $type {
            #[inline]
            fn read(reader: &mut Reader<'a>, at: &At<'_>) -> Result<Self, Stop> {
                let integer = i64::read(reader, at)?;
                <$type>::try_from(integer).map_err(|_| reader.note(rule::out_of_range(integer, &<$type>::MIN, &<$type>::MAX, at)))
            }

            fn schema() -> Schema {
                i64::schema().with("minimum", <$type>::MIN.to_string()).with("maximum", <$type>::MAX.to_string())
            }
        }
    )*};
}

narrower!(i8, i16, i32, u8, u16, u32);

impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    #[inline]
    fn read(reader: &mut Reader<'a>, at: &At<'_>) -> Result<Self, Stop> {
        if reader.null()? { Ok(None) } else { T::read(reader, at).map(Some) }
    }

    #[inline]
    fn absent() -> Option<Self> {
        Some(None)
    }

    fn schema() -> Schema {
        T::schema().or_null()
    }
}

impl<'a, T: Field<'a>> Field<'a> for Vec<T> {
    fn read(reader: &mut Reader<'a>, at: &At<'_>) -> Result<Self, Stop> {
        reader.array(at, "list_type")?;
        let (mut first, mut values, mut index, mut faulty) = (true, Vec::new(), 0, false);
        while reader.element(&mut first)? {
            match T::read(reader, &at.index(index)) {
                Ok(value) => values.push(value),
                Err(Stop::Faulty) => faulty = true,
                Err(Stop::Syntax) => return Err(Stop::Syntax),
            }
            index += 1;
        }
        if faulty { Err(Stop::Faulty) } else { Ok(values) }
    }

    fn schema() -> Schema {
        Schema::of_type("array").with("items", T::schema().to_json())
    }
}

impl<'a, T: Field<'a>> Field<'a> for BTreeMap<String, T> {
    fn read(reader: &mut Reader<'a>, at: &At<'_>) -> Result<Self, Stop> {
        reader.object(at, "dict_type")?;
        let (mut first, mut slots) = (true, BTreeMap::<String, Slot<T>>::new());
        while let Some(key) = reader.member(&mut first)? {
            let slot = slots.entry(key.clone().into_owned()).or_insert(Slot::Unseen);
            slot.fill(reader, at, &key, |_| Ok(()))?;
        }
        let read = |(key, slot)| match slot {
            Slot::Read(value) => Ok((key, value)),
            Slot::Faulty | Slot::Unseen => Err(Stop::Faulty),
        };
        slots.into_iter().map(read).collect()
    }

    fn schema() -> Schema {
        Schema::of_type("object").with("additionalProperties", T::schema().to_json())
    }
}
