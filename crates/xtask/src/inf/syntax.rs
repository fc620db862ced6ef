//! Sections and lines.
//!
//! Follows "General Syntax Rules for INF Files".

use std::mem;

/// Why a text is no INF file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A file, its strings put in their places.
#[derive(Debug, Clone, Default)]
pub struct Inf {
    sections: Vec<Section>,
}

/// All lines under one name; several sections of the same name are one.
#[derive(Debug, Clone)]
pub struct Section {
    /// As first written; letter case does not matter.
    pub name: String,
    /// Where it starts, from 1.
    pub line: usize,
    /// What is in it.
    pub lines: Vec<Line>,
}

/// One line: `key = value, value`, or values alone.
#[derive(Debug, Clone)]
pub struct Line {
    /// Where it is, from 1.
    pub number: usize,
    /// What stands before the equals sign.
    pub key: Option<String>,
    /// What stands behind it, between commas.
    pub values: Vec<String>,
}

impl Line {
    /// The value at `place`, from 0; empty where there is none.
    #[must_use]
    pub fn value(&self, place: usize) -> &str {
        self.values.get(place).map_or("", String::as_str)
    }

    /// The value at `place` as a number, decimal or after `0x`.
    #[must_use]
    pub fn number_at(&self, place: usize) -> Option<u32> {
        number(self.value(place))
    }
}

impl Section {
    /// The first line with this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.key.as_deref().is_some_and(|it| same(it, key)))
    }
}

impl Inf {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When a line is no section, no entry and no comment.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut inf = Self::default();
        let mut current = None;
        for (number, statement) in statements(text)? {
            let wrong = |problem| SyntaxError { line: number, problem };
            if let Some(rest) = statement.strip_prefix('[') {
                let name = rest.strip_suffix(']').ok_or_else(|| wrong("a section has no end"))?;
                current = Some(inf.section_or_new(name.trim(), number));
            } else {
                let at = current.ok_or_else(|| wrong("an entry stands before any section"))?;
                if let Some(section) = inf.sections.get_mut(at) {
                    section.lines.push(entry(number, &statement));
                }
            }
        }
        inf.put_strings();
        Ok(inf)
    }

    /// The section with this name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| same(&section.name, name))
    }

    /// All sections, in their order.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    fn section_or_new(&mut self, name: &str, line: usize) -> usize {
        let known = self.sections.iter().position(|section| same(&section.name, name));
        known.unwrap_or_else(|| {
            self.sections.push(Section { name: name.to_owned(), line, lines: Vec::new() });
            self.sections.len() - 1
        })
    }

    /// Replaces each `%name%` by what `Strings` says; what it does not know stays.
    fn put_strings(&mut self) {
        let strings = self.section("Strings").cloned();
        let known = |name: &str| strings.as_ref()?.get(name).map(|line| line.value(0).to_owned());
        let others = self.sections.iter_mut().filter(|section| !same(&section.name, "Strings"));
        for line in others.flat_map(|section| &mut section.lines) {
            for text in line.key.iter_mut().chain(&mut line.values) {
                *text = replaced(text, known);
            }
        }
    }
}

/// Whether two names are the same to Windows.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// A number, decimal or after `0x`.
pub(super) fn number(text: &str) -> Option<u32> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    hexadecimal.map_or_else(|| text.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok())
}

/// The names between percent signs that `text` still holds, those of directories aside.
pub(super) fn unknown_strings(text: &str) -> impl Iterator<Item = &str> {
    let inside = text.split('%').skip(1).step_by(2);
    inside.filter(|name| !name.is_empty() && number(name).is_none())
}

fn replaced(text: &str, known: impl Fn(&str) -> Option<String>) -> String {
    // Every second part stands between two percent signs.
    let part = |(place, part): (usize, &str)| match known(part) {
        Some(string) if place % 2 == 1 => string,
        None if place % 2 == 1 => format!("%{part}%"),
        _ => part.to_owned(),
    };
    text.split('%').enumerate().map(part).collect()
}

/// The statements of a text with the lines where they start, without comments, continued lines
/// joined.
fn statements(text: &str) -> Result<Vec<(usize, String)>, SyntaxError> {
    let mut all = Vec::new();
    let mut statement = String::new();
    let mut start = 1;
    for (place, line) in text.lines().enumerate() {
        if statement.is_empty() {
            start = place + 1;
        }
        let mut quoted = false;
        let comment = line.find(|character| {
            quoted ^= character == '"';
            character == ';' && !quoted
        });
        if comment.is_none() && quoted {
            return Err(SyntaxError { line: place + 1, problem: "a quotation has no end" });
        }
        let code = line.get(..comment.unwrap_or(line.len())).unwrap_or_default().trim();
        if let Some(continued) = code.strip_suffix('\\') {
            statement += continued;
            continue;
        }
        statement += code;
        if !statement.is_empty() {
            all.push((start, mem::take(&mut statement)));
        }
    }
    if !statement.is_empty() {
        return Err(SyntaxError { line: start, problem: "the last line is to be continued" });
    }
    Ok(all)
}

fn entry(number: usize, statement: &str) -> Line {
    let equals = split(statement, '=');
    let (key, values) = match equals.as_slice() {
        [_] | [] => (None, statement),
        [key, ..] => (Some(unquoted(key)), statement.get(key.len() + 1..).unwrap_or_default()),
    };
    let values = split(values, ',').into_iter().map(unquoted).collect();
    Line { number, key, values }
}

/// Splits at `separator` outside of quotations.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|character| {
        quoted ^= character == '"';
        character == separator && !quoted
    })
    .collect()
}

/// A value without the quotation marks around it; two of them within stand for one.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("\"\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "; a comment\n\
        [Version] ; another\n\
        Provider = %Us%\n\
        Path = %13%\\a.sys, \"a, \"\"b\"\"; c = d\" \\\n  , 0x10\n\
        [one]\nHKR, \"Ndi\", Service,, x\n\
        [VERSION]\nlast = 10\n\
        [Strings]\nUs = \"Framecast\"\n";

    #[test]
    fn lines_are_keys_and_values() -> Result<(), SyntaxError> {
        let inf = Inf::parse(TEXT)?;
        let version = inf.section("version").map(|it| &it.lines[..]).unwrap_or_default();
        let [provider, path, last] = version else { panic!("{version:?}") };
        assert_eq!(provider.values, ["Framecast"]);
        assert_eq!((path.number, path.key.as_deref()), (4, Some("Path")));
        assert_eq!(path.values, ["%13%\\a.sys", "a, \"b\"; c = d", "0x10"]);
        assert_eq!((path.number_at(2), last.number_at(0)), (Some(16), Some(10)));
        assert_eq!((path.value(3), path.number_at(3)), ("", None));
        let one = inf.section("ONE").map(|it| &it.lines[0].values);
        assert_eq!(
            one.map(Vec::as_slice),
            Some(&["HKR", "Ndi", "Service", "", "x"].map(String::from)[..])
        );
        Ok(())
    }

    #[test]
    fn what_is_no_inf_file_is_told_by_line() {
        for (text, line, problem) in [
            ("\na = b", 2, "an entry stands before any section"),
            ("[a", 1, "a section has no end"),
            ("[a]\n\nb = \"c", 3, "a quotation has no end"),
            ("[a]\nb = \\\n", 2, "the last line is to be continued"),
        ] {
            assert_eq!(Inf::parse(text).err(), Some(SyntaxError { line, problem }), "{text:?}");
        }
    }

    #[test]
    fn strings_that_nobody_defines_are_left() {
        assert_eq!(
            replaced("%12%\\%a%.%b%", |name| (name == "a").then(|| "x".into())),
            "%12%\\x.%b%"
        );
        assert!(unknown_strings("%12%\\x.%b% 100%% %c%").eq(["b", "c"]));
    }
}
