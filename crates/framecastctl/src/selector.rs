use crate::Adapter;

/// Why a text does not name an adapter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// It is the beginning of no name.
    #[error("there is no adapter '{wanted}'; there {}", present(.names))]
    None {
        /// The text.
        wanted: String,
        /// The adapters that there are.
        names: Vec<String>,
    },
    /// It is the beginning of several names.
    #[error("'{wanted}' may be {}; say more of its name", list(.names))]
    Ambiguous {
        /// The text.
        wanted: String,
        /// The adapters that it may be.
        names: Vec<String>,
    },
}

fn list(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    quoted.join(" or ")
}

fn present(names: &[String]) -> String {
    match names {
        [] => "is none at all: the driver is not bound to any".to_owned(),
        [name] => format!("is only '{name}'"),
        names => {
            let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
            format!("are {}", quoted.join(", "))
        }
    }
}

/// Finds the adapter that a text names: its index, LUID (`0x…`), GUID, friendly name or address, or
/// the beginning of one of the last four that no other adapter shares. Letter case does not matter,
/// nor do braces, and in addresses neither does what separates the bytes.
///
/// A whole name goes before the beginning of another.
///
/// # Errors
///
/// [`SelectError`].
pub fn select<'a>(adapters: &'a [Adapter], wanted: &str) -> Result<&'a Adapter, SelectError> {
    let is_whole = |adapter: &&Adapter| names(adapter).iter().any(|name| name.is(wanted));
    let begins = |adapter: &&Adapter| names(adapter).iter().any(|name| name.begins(wanted));
    let mut found: Vec<_> = adapters.iter().filter(is_whole).collect();
    if found.is_empty() {
        found = adapters.iter().filter(begins).collect();
    }
    let wanted = wanted.to_owned();
    let named = |adapters: &[&Adapter]| adapters.iter().map(|one| shown(one)).collect();
    match found.as_slice() {
        [adapter] => Ok(adapter),
        [] => Err(SelectError::None { wanted, names: named(&adapters.iter().collect::<Vec<_>>()) }),
        several => Err(SelectError::Ambiguous { wanted, names: named(several) }),
    }
}

/// How an adapter is told from others in a message.
fn shown(adapter: &Adapter) -> String {
    format!("{} ({})", adapter.name, adapter.if_index)
}

/// A name, without what does not matter in it.
struct Name {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Index,
    Number,
    Guid,
    Friendly,
    Address,
}

fn names(adapter: &Adapter) -> [Name; 5] {
    let name = |kind: Kind, text: &str| Name { kind, text: kind.bare(text) };
    [
        name(Kind::Index, &adapter.if_index.to_string()),
        name(Kind::Number, &format!("{:#x}", adapter.luid)),
        name(Kind::Guid, &adapter.guid),
        name(Kind::Friendly, &adapter.name),
        name(Kind::Address, &adapter.address()),
    ]
}

impl Kind {
    fn bare(self, text: &str) -> String {
        let text = text.trim().to_lowercase();
        match self {
            Self::Guid => text.replace(['{', '}'], ""),
            Self::Address => text.replace([':', '-'], ""),
            Self::Index | Self::Number | Self::Friendly => text,
        }
    }
}

impl Name {
    fn is(&self, wanted: &str) -> bool {
        self.text == self.kind.bare(wanted)
    }

    fn begins(&self, wanted: &str) -> bool {
        let bare = self.kind.bare(wanted);
        // Without a separator "7" would be the address of many, and the index of one.
        let enough = match self.kind {
            Kind::Index => false,
            Kind::Number => bare.len() > 2,
            Kind::Address => wanted.contains([':', '-']) || bare.len() > 3,
            Kind::Guid | Kind::Friendly => !bare.is_empty(),
        };
        enough && self.text.starts_with(&bare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapters() -> Vec<Adapter> {
        let adapter = |if_index, luid, guid: &str, name: &str, last| Adapter {
            luid,
            if_index,
            guid: guid.to_owned(),
            name: name.to_owned(),
            mac_address: vec![0x02, 0x00, 0x5E, 0x10, 0x00, last],
            ..Adapter::default()
        };
        vec![
            adapter(7, 0x6_0000_0100_0000, "{8C2F15F4-0001}", "Ethernet", 1),
            adapter(12, 0x6_0000_0200_0000, "{8C2F15F4-0002}", "Ethernet 2", 2),
            adapter(13, 0x47_0000_0000_0000, "{A0000000-0003}", "Wi-Fi", 0x30),
        ]
    }

    #[track_caller]
    fn finds(wanted: &str) -> u32 {
        select(&adapters(), wanted).expect("one adapter").if_index
    }

    #[test]
    fn every_kind_of_name_is_found() {
        assert_eq!(finds("12"), 12);
        assert_eq!(finds("0x6000001000000"), 7);
        assert_eq!(finds("{8c2f15f4-0002}"), 12);
        assert_eq!(finds("8C2F15F4-0001"), 7);
        assert_eq!(finds("wi-fi"), 13);
        assert_eq!(finds("02-00-5e-10-00-30"), 13);
        assert_eq!(finds("02:00:5E:10:00:01"), 7);
    }

    #[test]
    fn the_beginning_of_a_name_is_enough_where_no_other_shares_it() {
        assert_eq!(finds("W"), 13);
        assert_eq!(finds("A00"), 13);
        assert_eq!(finds("0x47"), 13);
        assert_eq!(finds("02:00:5e:10:00:3"), 13);
    }

    #[test]
    fn a_whole_name_goes_before_the_beginning_of_another() {
        assert_eq!(finds("Ethernet"), 7);
    }

    #[test]
    fn what_may_be_several_names_is_refused_with_all_of_them() {
        for wanted in ["Eth", "8C2F", "02:00", "0x6"] {
            let error = select(&adapters(), wanted).expect_err("several");
            let SelectError::Ambiguous { names, .. } = error else { panic!("{error}") };
            assert!(names.starts_with(&["Ethernet (7)".into(), "Ethernet 2 (12)".into()]));
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_adapters_that_there_are() {
        for wanted in ["1", "", "Local", "0x"] {
            let error = select(&adapters(), wanted).expect_err("none");
            assert!(error.to_string().contains("'Wi-Fi (13)'"), "{error}");
        }
        assert!(select(&[], "7").expect_err("none").to_string().contains("none at all"));
    }
}
