use std::str::FromStr;

use ndis_lab::AdapterConfig;
use serde::Deserialize;

use super::{EndSpec, Hardware, SpecError, TapSpec, Timing};

/// The keys of a description on the command line.
pub(crate) const KEYS: [&str; 14] = [
    "name",
    "mac",
    "mtu",
    "backfill",
    "context",
    "speed",
    "timing",
    "offloads",
    "wire-from",
    "wire-to",
    "wire-tap",
    "above-from",
    "above-to",
    "above-tap",
];

/// An adapter of the lab.
///
/// ```
/// use framecastctl::lab::AdapterSpec;
///
/// let spec: AdapterSpec = "Uplink,mtu=9000,backfill=256,wire-to=out.pcapng".parse()?;
/// assert_eq!((spec.name.as_deref(), spec.mtu), (Some("Uplink"), Some(9000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdapterSpec {
    /// Its friendly name; `Lab 1`, `Lab 2` … where none is given.
    pub name: Option<String>,
    /// Its address; one of the documentation's where none is given.
    #[serde(deserialize_with = "address")]
    pub mac: Option<[u8; 6]>,
    /// The largest payload of a frame, in bytes; 1500 where none is given.
    pub mtu: Option<u32>,
    /// Bytes of room in front of frames that the drivers below want.
    pub backfill: u32,
    /// Bytes of list context that they want.
    pub context: u32,
    /// Bits per second; a thousand million where none is given.
    pub speed: Option<u64>,
    /// When the frames of captures come.
    pub timing: Timing,
    /// What it does in hardware.
    pub offloads: Hardware,
    /// The network below it.
    pub wire: EndSpec,
    /// The host above it.
    pub above: EndSpec,
}

impl AdapterSpec {
    /// The same adapter as the lab makes it, as the `number`-th, from 1.
    #[must_use]
    pub fn config(&self, number: u8) -> AdapterConfig {
        let base = AdapterConfig::numbered(number);
        AdapterConfig {
            friendly_name: self.name.clone().unwrap_or_else(|| format!("Lab {number}")),
            mac: self.mac.unwrap_or(base.mac),
            mtu: self.mtu.unwrap_or(base.mtu),
            link_speed: self.speed.unwrap_or(base.link_speed),
            data_backfill: self.backfill,
            context_backfill: self.context,
            ..base
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), SpecError> {
        let wrong = |key, expected| SpecError::Value { key, value: value.to_owned(), expected };
        let bytes = |key| value.parse().map_err(|_| wrong(key, "it takes a number of bytes"));
        match key {
            "name" => self.name = Some(value.to_owned()),
            "mac" => {
                let parsed = parse_address(value);
                self.mac =
                    Some(parsed.ok_or_else(|| {
                        wrong("mac", "it takes six bytes as in 02:00:5e:10:00:01")
                    })?);
            }
            "mtu" => self.mtu = Some(bytes("mtu")?),
            "backfill" => self.backfill = bytes("backfill")?,
            "context" => self.context = bytes("context")?,
            "speed" => {
                let speed = value.parse();
                self.speed = Some(speed.map_err(|_| wrong("speed", "it takes bits per second"))?);
            }
            "timing" => {
                self.timing = match value {
                    "fast" => Timing::Fast,
                    "original" => Timing::Original,
                    _ => return Err(wrong("timing", "it takes fast or original")),
                }
            }
            "offloads" => {
                self.offloads = match value {
                    "none" => Hardware::None,
                    "all" => Hardware::All,
                    _ => return Err(wrong("offloads", "it takes none or all")),
                }
            }
            "wire-from" => self.wire.from = Some(value.into()),
            "wire-to" => self.wire.to = Some(value.into()),
            "wire-tap" => self.wire.tap = Some(TapSpec::from(value)),
            "above-from" => self.above.from = Some(value.into()),
            "above-to" => self.above.to = Some(value.into()),
            "above-tap" => self.above.tap = Some(TapSpec::from(value)),
            unknown => return Err(SpecError::UnknownKey(unknown.to_owned())),
        }
        Ok(())
    }
}

/// Reads `NAME,KEY=VALUE,…`; what comes first is the name where it is no pair.
impl FromStr for AdapterSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let mut spec = Self::default();
        for (place, part) in text.split(',').enumerate() {
            match part.split_once('=') {
                Some((key, value)) => spec.set(key.trim(), value.trim())?,
                None if place == 0 && !part.trim().is_empty() => spec.set("name", part.trim())?,
                None => return Err(SpecError::NotAPair(part.to_owned())),
            }
        }
        Ok(spec)
    }
}

fn parse_address(text: &str) -> Option<[u8; 6]> {
    let bytes: Vec<_> = text
        .split([':', '-'])
        .map(|part| if part.len() == 2 { u8::from_str_radix(part, 16).ok() } else { None })
        .collect::<Option<_>>()?;
    bytes.try_into().ok()
}

fn address<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<[u8; 6]>, D::Error> {
    let text = String::deserialize(from)?;
    let wrong = || serde::de::Error::custom("an address is six bytes, as in 02:00:5e:10:00:01");
    parse_address(&text).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_taken() {
        let text = "Uplink,mac=02-00-5E-10-00-09,mtu=9000,backfill=256,context=64,speed=100,\
                    timing=original,offloads=all,wire-from=a,wire-to=b,wire-tap=c@d,above-from=e,above-to=f,\
                    above-tap=g@/proc/1/ns/net";
        let spec: AdapterSpec = text.parse().expect("a description");
        let tap = |name: &str, namespace: &str| {
            Some(TapSpec { name: name.to_owned(), namespace: Some(namespace.into()) })
        };
        let expected = AdapterSpec {
            name: Some("Uplink".to_owned()),
            mac: Some([2, 0, 0x5E, 0x10, 0, 9]),
            mtu: Some(9000),
            backfill: 256,
            context: 64,
            speed: Some(100),
            timing: Timing::Original,
            offloads: Hardware::All,
            wire: EndSpec {
                from: Some("a".into()),
                to: Some("b".into()),
                tap: tap("c", "/run/netns/d"),
            },
            above: EndSpec {
                from: Some("e".into()),
                to: Some("f".into()),
                tap: tap("g", "/proc/1/ns/net"),
            },
        };
        assert_eq!(spec, expected);
    }

    #[test]
    fn what_is_no_description_is_refused_by_name() {
        for (text, part) in [
            ("", "''"),
            ("a,b", "'b'"),
            ("a,colour=red", "'colour'"),
            ("a,mac=02:00", "'02:00'"),
            ("a,mac=2:0:5e:10:0:1", "'2:0:5e:10:0:1'"),
            ("a,mtu=-1", "'-1'"),
            ("a,timing=slow", "'slow'"),
            ("a,offloads=lso", "'lso'"),
        ] {
            let error = text.parse::<AdapterSpec>().expect_err("no description").to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
