//! Who calls an import: found in the machine code of the image, and named by its symbols.

use object::read::pe::{Import, PeFile64};
use object::{LittleEndian as LE, Object, ObjectSection, pe};
use std::{collections::BTreeSet, fmt, path::Path};
use xtask::symbols::{Frame, Symbols, with_symbols};

/// What the language and its libraries bring along: who calls these is asked for.
const LIBRARIES: [&str; 6] =
    ["core::", "alloc::", "compiler_builtins::", "wdk_panic::", "__rustc::", "rust_"];

/// A function that calls an import, or what calls it in the end.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Caller {
    /// The function, and where in it the call is.
    pub(crate) place: Frame,
    /// What it calls: an import, or a function of a library.
    pub(crate) callee: String,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls {}", self.place, self.callee)
    }
}

/// The functions of the driver's own that lead to the import `name`, through libraries or not.
pub(crate) fn callers(path: &Path, image: &PeFile64<'_>, name: &str) -> Vec<Caller> {
    let code = Code::new(image);
    let slot = slot(image, name).expect("it is imported");
    with_symbols(path, |symbols| search(&code, symbols, slot, name)).expect("the symbols")
}

/// The offset of the word through which an import is called.
fn slot(image: &PeFile64<'_>, name: &str) -> Option<u32> {
    let table = image.import_table().ok()??;
    let mut descriptors = table.descriptors().ok()?;
    while let Some(descriptor) = descriptors.next().ok()? {
        let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE)).ok()?;
        let mut slot = descriptor.first_thunk.get(LE);
        while let Some(thunk) = thunks.next::<pe::ImageNtHeaders64>().ok()? {
            match table.import::<pe::ImageNtHeaders64>(thunk).ok()? {
                Import::Name(_, found) if found == name.as_bytes() => return Some(slot),
                _ => slot += 8,
            }
        }
    }
    None
}

/// The machine code of an image.
struct Code<'i> {
    start: u32,
    bytes: &'i [u8],
    /// Where each function with a stack frame starts and ends, from the table for unwinding.
    functions: Vec<(u32, u32)>,
}

impl<'i> Code<'i> {
    fn new(image: &PeFile64<'i>) -> Self {
        let section = |name| image.section_by_name(name).expect("a section");
        let base = image.relative_address_base();
        let text = section(".text");
        let table = section(".pdata").data().expect("well-formed");
        let word = |entry: &[u8], at: usize| {
            u32::from_le_bytes(entry[at..at + 4].try_into().expect("four bytes"))
        };
        let functions = table.chunks_exact(12).map(|entry| (word(entry, 0), word(entry, 4)));
        Self {
            start: u32::try_from(text.address() - base).expect("an offset"),
            bytes: text.data().expect("well-formed"),
            functions: functions.collect(),
        }
    }

    /// Where the function starts that is around an offset; one without a stack frame, as the jump
    /// to an import, starts where its instruction does.
    fn function(&self, offset: u32) -> u32 {
        let around = |&&(start, end): &&(u32, u32)| (start..end).contains(&offset);
        let found = self.functions.iter().find(around);
        // FF 25: the jump through the word whose distance follows.
        found.map_or(offset.wrapping_sub(2), |&(start, _)| start)
    }

    /// Where a target is referred to: every instruction that does ends with the distance to it.
    fn references(&self, target: u32) -> impl Iterator<Item = u32> {
        self.bytes.windows(4).zip(self.start..).filter_map(move |(bytes, at)| {
            let distance = u32::from_le_bytes(bytes.try_into().ok()?);
            (at.wrapping_add(4).wrapping_add(distance) == target).then_some(at)
        })
    }
}

/// Goes from an import backwards to the driver's own functions.
fn search(code: &Code<'_>, symbols: &Symbols<'_>, slot: u32, name: &str) -> Vec<Caller> {
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    let mut targets = vec![(slot, name.to_owned())];
    while let Some((target, callee)) = targets.pop() {
        for reference in code.references(target) {
            let frames = symbols.frames(reference);
            let own = frames.iter().find(|frame| !is_library(&frame.function));
            // The jump to an import bears the import's name.
            if let Some(place) = own.filter(|frame| frame.function != name) {
                found.insert(Caller { place: place.clone(), callee: callee.clone() });
                continue;
            }
            let function = code.function(reference);
            if seen.insert(function) {
                let callee = frames.last().map_or(callee.clone(), |it| it.function.clone());
                targets.push((function, callee));
            }
        }
    }
    found.into_iter().collect()
}

fn is_library(function: &str) -> bool {
    LIBRARIES.iter().any(|library| function.starts_with(library))
}
