//! A breach of a rule, as a value.

use std::fmt;

use crate::rule::Rule;
use crate::trace::Event;

/// A breach of a rule by the driver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What happened, in a sentence.
    pub message: String,
    /// Where in the driver: the address that the offending call returns to, if there was one.
    pub location: Option<Location>,
    /// The objects concerned, with where they came from.
    pub objects: Vec<String>,
    /// What happened last, oldest first.
    pub events: Vec<Event>,
}

/// A place in a driver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Location {
    /// The address.
    pub address: u64,
    /// The function, file and line, or the image and an offset; `None` outside every image.
    pub symbol: Option<String>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.symbol {
            Some(symbol) => write!(f, "{symbol}"),
            None => write!(f, "{:#x}", self.address),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.rule, self.message)?;
        writeln!(f, "    source  {}", self.rule.source())?;
        if let Some(location) = &self.location {
            writeln!(f, "    at      {location}")?;
        }
        for object in &self.objects {
            writeln!(f, "    object  {object}")?;
        }
        for event in &self.events {
            writeln!(f, "    event   {event}")?;
        }
        Ok(())
    }
}
