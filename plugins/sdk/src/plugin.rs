use crate::contract::{self, Item, Judgement, Manifest, Request, Verdict};
use crate::example::texts;
use crate::ledger::Ledger;
use crate::{Body, Declared, Input, Instrument, Out, Record, Route};

/// A plugin: what [`plugin!`](crate::plugin!) makes.
pub struct Plugin {
    /// Its identity: lower-case letters, digits and dashes.
    pub name: &'static str,
    /// Its own semantic version.
    pub version: &'static str,
    /// Markdown, for the API documentation.
    pub description: &'static str,
    /// What it accepts.
    pub routes: &'static [Entry],
    /// What it feeds.
    pub meters: &'static [Instrument],
    /// What may be set for it.
    pub settings: &'static [Declared],
    /// The HTTP request headers it wants to see.
    pub request_headers: &'static [&'static str],
}

/// A route as the list of them in `plugin!` has it, whatever its type.
#[derive(Clone, Copy)]
pub struct Entry {
    path: &'static str,
    declare: fn() -> contract::Route,
    judge: for<'a> fn(Body<'a>, &mut Out<'_>) -> Option<Verdict>,
}

impl Entry {
    #[doc(hidden)]
    pub const fn new(
        path: &'static str,
        declare: fn() -> contract::Route,
        judge: for<'a> fn(Body<'a>, &mut Out<'_>) -> Option<Verdict>,
    ) -> Self {
        Self { path, declare, judge }
    }

    /// The route's path.
    pub fn path(&self) -> &'static str {
        self.path
    }
}

impl Plugin {
    /// Says what the plugin is and serves.
    ///
    /// # Errors
    ///
    /// A setting's value that cannot be read.
    pub fn describe(&self) -> Result<Manifest, String> {
        for setting in self.settings {
            setting.check()?;
        }
        Ok(Manifest {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            description: self.description.trim().to_owned(),
            routes: self.routes.iter().map(|entry| (entry.declare)()).collect(),
            instruments: self.meters.iter().map(Instrument::declare).collect(),
            request_headers: texts(self.request_headers),
            settings: self.settings.iter().map(Declared::declare).collect(),
            extensions: Vec::new(),
        })
    }

    /// Judges some records that came with one request.
    pub fn judge(&'static self, request: &Request, items: &[Item]) -> Judgement {
        let mut ledger = Ledger::default();
        let mut verdicts = Vec::with_capacity(items.len());
        let entry = self.routes.get(request.route as usize);
        for (index, item) in (0..).zip(items) {
            verdicts.push(match entry {
                Some(entry) => self.judge_one(entry, request, index, item, &mut ledger),
                None => Verdict::Fail(format!("there is no route {}", request.route)),
            });
        }
        let (measurements, attribute_sets) = ledger.into_parts();
        Judgement { verdicts, measurements, attribute_sets }
    }

    fn judge_one(
        &'static self,
        entry: &Entry,
        request: &Request,
        index: u32,
        item: &Item,
        ledger: &mut Ledger,
    ) -> Verdict {
        let mut out = Out::new(self, request, &item.attributes, index, ledger);
        let body = match &item.body {
            contract::Body::Text(text) => Body::Text(text),
            contract::Body::Bytes(bytes) => Body::Bytes(bytes),
        };
        match (entry.judge)(body, &mut out) {
            Some(rejection) => rejection,
            None => out.into_verdict(),
        }
    }
}

/// Reads and judges one record; a verdict if it is rejected.
#[doc(hidden)]
pub fn judge<'a, R: Route + Record<'a>>(body: Body<'a>, out: &mut Out<'_>) -> Option<Verdict> {
    let judged = R::read(body).and_then(|record| {
        record.identify(out);
        record.judge(out)
    });
    let violations = judged.err()?;
    R::rejected(&violations, out);
    Some(Verdict::Reject(violations.into_vec()))
}

/// What the contract wants to know about a route.
#[doc(hidden)]
pub fn declare<R: Route + Record<'static>>() -> contract::Route {
    contract::Route {
        path: R::PATH.to_owned(),
        input: match R::INPUT {
            Input::Json => contract::Input::Json,
            Input::Lines(types) => contract::Input::Lines(texts(types)),
            Input::Whole(types) => contract::Input::Whole(texts(types)),
        },
        title: R::TITLE.to_owned(),
        id_field: R::ID_FIELD.to_owned(),
        topics: texts(R::TOPICS),
        summary: R::SUMMARY.to_owned(),
        schema: R::schema(),
        examples: R::EXAMPLES.iter().map(crate::Example::declare).collect(),
        extensions: Vec::new(),
    }
}
