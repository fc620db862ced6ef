//! Names for addresses in an image, from the PDB beside it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use pdb2::{FallibleIterator, PDB, SymbolData};

/// The functions and lines of an image; empty when there is no PDB, or none that can be read.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    functions: BTreeMap<u32, String>,
    lines: BTreeMap<u32, (String, u32)>,
}

impl Symbols {
    /// The symbols of the image at a path.
    pub(super) fn beside(image: &Path) -> Self {
        let mut symbols = Self::default();
        let Ok(file) = File::open(image.with_extension("pdb")) else { return symbols };
        // Symbols are a convenience: what cannot be read is left out.
        let _ = symbols.read(file);
        symbols
    }

    fn read(&mut self, file: File) -> pdb2::Result<()> {
        let mut pdb = PDB::open(file)?;
        let map = pdb.address_map()?;
        let globals = pdb.global_symbols()?;
        let mut symbols = globals.iter();
        while let Some(symbol) = symbols.next()? {
            let Ok(SymbolData::Public(public)) = symbol.parse() else { continue };
            let Some(at) = public.offset.to_rva(&map) else { continue };
            self.functions.insert(at.0, public.name.to_string().into_owned());
        }
        let strings = pdb.string_table()?;
        let debug = pdb.debug_information()?;
        let mut modules = debug.modules()?;
        while let Some(module) = modules.next()? {
            let Some(info) = pdb.module_info(&module)? else { continue };
            let mut symbols = info.symbols()?;
            while let Some(symbol) = symbols.next()? {
                let Ok(SymbolData::Procedure(procedure)) = symbol.parse() else { continue };
                let Some(at) = procedure.offset.to_rva(&map) else { continue };
                self.functions.insert(at.0, procedure.name.to_string().into_owned());
            }
            let program = info.line_program()?;
            let mut lines = program.lines();
            while let Some(line) = lines.next()? {
                let Some(at) = line.offset.to_rva(&map) else { continue };
                let file = program.get_file_info(line.file_index)?;
                let name = strings.get(file.name)?.to_string().into_owned();
                self.lines.insert(at.0, (name, line.line_start));
            }
        }
        Ok(())
    }

    /// Function, file and line of an offset in the image.
    pub(super) fn describe(&self, offset: u32) -> Option<String> {
        // A return address is behind its call, which may be the last instruction of a line.
        let inside = offset.saturating_sub(1);
        let (start, function) = self.functions.range(..=inside).next_back()?;
        let place = format!("{function}+{:#x}", offset - start);
        match self.lines.range(*start..=inside).next_back() {
            Some((_, (file, line))) => Some(format!("{place} ({file}:{line})")),
            None => Some(place),
        }
    }
}
