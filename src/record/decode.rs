use super::cut::{self, CutError};
use super::event::{self, LISTED_MAX};
use super::{Batch, Body, Framing, Record, RecordIds, Refusal, Shape};
use bytes::Bytes;
use bytestring::ByteString;
use std::ops::Range;

/// How much one request may hold. Bodies are bounded before they get here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Records a request; more and the whole request is refused.
    pub records_max: usize,
    /// Bytes a record; a larger one is rejected by itself.
    pub record_bytes_max: usize,
}

/// Why a body cannot be cut into records at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the body holds no record; send at least one")]
    Empty,
    #[error(
        "the body begins with '[' but cannot be cut into elements: {0}; send a JSON array or a record a line"
    )]
    Array(#[from] CutError),
    #[error(
        "the body is no JSON array and was sent as application/cloudevents-batch+json; send an array of events, or one \
         event as application/cloudevents+json"
    )]
    NotBatch,
    #[error("the body holds more than {max} records; send them in several requests (http.records_max)")]
    TooMany { max: usize },
}

/// Cuts a body into records and gives each its id.
pub fn decode(
    framing: Framing,
    body: Bytes,
    limits: &Limits,
    mut ids: RecordIds,
) -> Result<Batch, DecodeError> {
    let whole = || std::iter::once(Ok(0..body.len()));
    let single = match framing {
        Framing::Json if cut::is_array(&body) => {
            return batch(&body, cut::elements(&body), limits, ids);
        }
        Framing::NdJson | Framing::Lines => {
            return batch(&body, cut::lines(&body).map(Ok), limits, ids);
        }
        Framing::Events => return event_batch(&body, limits, &mut ids),
        Framing::Event => events(&body, whole(), limits, &mut ids)?,
        Framing::Json | Framing::WholeText => collect(&body, whole(), limits, &mut ids, text)?,
        Framing::WholeBytes => {
            collect(&body, whole(), limits, &mut ids, |body, range| Body::Bytes(body.slice(range)))?
        }
    };
    if body.is_empty() {
        return Err(DecodeError::Empty);
    }
    Ok(Batch { shape: Shape::Single, records: single })
}

fn batch(
    body: &Bytes,
    ranges: impl Iterator<Item = Result<Range<usize>, CutError>>,
    limits: &Limits,
    mut ids: RecordIds,
) -> Result<Batch, DecodeError> {
    // Checked once for the whole body: each record is then a slice that costs nothing more.
    let records = match ByteString::try_from(body.clone()) {
        Ok(all) => collect(body, ranges, limits, &mut ids, |_, range| slice(&all, range))?,
        Err(_) => collect(body, ranges, limits, &mut ids, text)?,
    };
    if records.is_empty() {
        return Err(DecodeError::Empty);
    }
    Ok(Batch { shape: Shape::Batch, records })
}

fn collect(
    body: &Bytes,
    ranges: impl Iterator<Item = Result<Range<usize>, CutError>>,
    limits: &Limits,
    ids: &mut RecordIds,
    as_body: impl Fn(&Bytes, Range<usize>) -> Body,
) -> Result<Vec<Record>, DecodeError> {
    let mut records = Vec::new();
    for range in ranges {
        let range = range?;
        if records.len() == limits.records_max {
            return Err(DecodeError::TooMany { max: limits.records_max });
        }
        let body = if range.len() > limits.record_bytes_max {
            Body::Refused(Refusal::TooLarge { bytes: range.len(), max: limits.record_bytes_max })
        } else {
            as_body(body, range)
        };
        records.push(Record::new(ids.mint(), body));
    }
    Ok(records)
}

fn event_batch(body: &Bytes, limits: &Limits, ids: &mut RecordIds) -> Result<Batch, DecodeError> {
    if body.trim_ascii().is_empty() {
        return Err(DecodeError::Empty);
    }
    if !cut::is_array(body) {
        return Err(DecodeError::NotBatch);
    }
    let records = events(body, cut::elements(body), limits, ids)?;
    if records.is_empty() {
        return Err(DecodeError::Empty);
    }
    Ok(Batch { shape: Shape::Batch, records })
}

/// Takes each event apart. The limit holds for the data: attributes have bounds of their own.
fn events(
    body: &Bytes,
    ranges: impl Iterator<Item = Result<Range<usize>, CutError>>,
    limits: &Limits,
    ids: &mut RecordIds,
) -> Result<Vec<Record>, DecodeError> {
    let mut records = Vec::new();
    let mut listed = 0;
    for range in ranges {
        let range = range?;
        if records.len() == limits.records_max {
            return Err(DecodeError::TooMany { max: limits.records_max });
        }
        let (mut body, event) = match text(body, range) {
            Body::Text(text) => event::read(&text, limits.record_bytes_max),
            refused => (refused, None),
        };
        if let Body::Refused(Refusal::Event(faults)) = &mut body {
            if listed >= LISTED_MAX {
                faults.condense();
            }
            listed += faults.faults.len();
        }
        records.push(Record { id: ids.mint(), body, event });
    }
    Ok(records)
}

/// A part of a text. Records begin and end at ASCII bytes, so that no character is ever cut in two.
fn slice(all: &ByteString, range: Range<usize>) -> Body {
    Body::Text(all.slice_ref(&all[range]))
}

fn text(body: &Bytes, range: Range<usize>) -> Body {
    match ByteString::try_from(body.slice(range.clone())) {
        Ok(text) => Body::Text(text),
        Err(_) => {
            let error = std::str::from_utf8(&body[range]).expect_err("just refused");
            Body::Refused(Refusal::NotUtf8 { offset: error.valid_up_to() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { records_max: 3, record_bytes_max: 20 };

    fn decoded(framing: Framing, body: &[u8]) -> Result<Batch, DecodeError> {
        decode(framing, Bytes::copy_from_slice(body), &LIMITS, RecordIds::minted_at(1))
    }

    fn texts(batch: &Batch) -> Vec<String> {
        batch.records.iter().map(|record| String::from_utf8(record.bytes().to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_single_record_is_the_body_with_its_white_space() {
        let batch = decoded(Framing::Json, b" {\"a\": 1}\n").unwrap();
        assert_eq!(batch.shape, Shape::Single);
        assert_eq!(texts(&batch), [" {\"a\": 1}\n"]);
    }

    #[test]
    fn an_array_of_one_is_a_batch() {
        let batch = decoded(Framing::Json, b"[ {} ]").unwrap();
        assert_eq!((batch.shape, texts(&batch)), (Shape::Batch, vec!["{}".to_owned()]));
    }

    #[test]
    fn a_body_without_records_is_refused_with_a_sentence() {
        for (framing, body) in [(Framing::Json, ""), (Framing::Json, "[ ]"), (Framing::NdJson, "\n \n")] {
            let error = decoded(framing, body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "the body holds no record; send at least one");
        }
    }

    #[test]
    fn one_record_too_many_refuses_the_request_with_the_limit() {
        assert_eq!(
            decoded(Framing::NdJson, b"1\n2\n3\n4\n").unwrap_err().to_string(),
            "the body holds more than 3 records; send them in several requests (http.records_max)"
        );
        assert_eq!(decoded(Framing::NdJson, b"1\n2\n3\n").unwrap().records.len(), 3);
    }

    #[test]
    fn an_array_that_cannot_be_cut_is_refused_with_the_place() {
        assert_eq!(
            decoded(Framing::Json, b"[1,,2]").unwrap_err().to_string(),
            "the body begins with '[' but cannot be cut into elements: at byte 3 of the array an element is \
             missing between two commas; send a JSON array or a record a line"
        );
    }

    #[test]
    fn a_record_that_is_too_large_or_not_utf8_leaves_its_neighbours_alone() {
        let batch =
            decoded(Framing::NdJson, b"{\"first\":1}\n\"a\xff\"\n\"123456789012345678901\"\n").unwrap();
        assert!(matches!(batch.records[0].body, Body::Text(_)));
        assert!(matches!(batch.records[1].body, Body::Refused(Refusal::NotUtf8 { offset: 2 })));
        assert!(matches!(batch.records[2].body, Body::Refused(Refusal::TooLarge { bytes: 23, max: 20 })));
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_as_they_are() {
        let batch = decoded(Framing::WholeBytes, b"\xff\x00[").unwrap();
        assert_eq!(batch.records[0].bytes(), &b"\xff\x00["[..]);
    }

    #[test]
    fn a_batch_of_events_keeps_the_good_ones_of_it() {
        let head = r#""specversion":"1.0","source":"/a","type":"t""#;
        let body = format!(r#" [{{"id":"1",{head},"data": [1, 2] }}, {{"id":"2"}} ,3]"#);
        let batch = decoded(Framing::Events, body.as_bytes()).unwrap();
        assert_eq!((batch.shape, batch.records.len()), (Shape::Batch, 3));
        assert_eq!(batch.records[0].bytes(), "[1, 2]");
        let event = batch.records[0].event.as_deref().unwrap();
        assert_eq!(event.attribute("id"), Some("1"));
        for record in &batch.records[1..] {
            assert!(matches!(record.body, Body::Refused(Refusal::Event(_))) && record.event.is_none());
        }
    }

    #[test]
    fn an_event_too_many_and_what_is_no_batch_of_events_are_refused_as_a_whole() {
        assert_eq!(decoded(Framing::Events, b"[]").unwrap_err(), DecodeError::Empty);
        assert_eq!(decoded(Framing::Events, b" \n").unwrap_err(), DecodeError::Empty);
        assert_eq!(decoded(Framing::Event, b"").unwrap_err(), DecodeError::Empty);
        assert_eq!(decoded(Framing::Events, b"[1,2,3,4]").unwrap_err(), DecodeError::TooMany { max: 3 });
        assert_eq!(
            decoded(Framing::Events, b"{}").unwrap_err().to_string(),
            "the body is no JSON array and was sent as application/cloudevents-batch+json; send an array of events, or \
             one event as application/cloudevents+json"
        );
        let single = decoded(Framing::Event, b"{}").unwrap();
        assert_eq!((single.shape, single.records.len()), (Shape::Single, 1));
    }

    #[test]
    fn of_many_wrong_events_only_the_first_are_told_in_full() {
        let body = format!("[{}]", vec!["{}"; 4_000].join(","));
        let limits = Limits { records_max: 4_000, record_bytes_max: 20 };
        let batch = decode(Framing::Events, body.into(), &limits, RecordIds::minted_at(1)).unwrap();
        let faults = |index: usize| match &batch.records[index].body {
            Body::Refused(Refusal::Event(faults)) => (faults.faults.len(), faults.omitted),
            other => panic!("{other:?}"),
        };
        assert_eq!((faults(0), faults(3_999)), ((5, 0), (1, 4)));
    }
}
