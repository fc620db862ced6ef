//! Names for addresses in an image, from the PDB beside it, or from the linker's map.

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
        // Symbols are a convenience: what cannot be read is left out.
        if let Ok(file) = File::open(image.with_extension("pdb")) {
            let _ = symbols.read(file);
        }
        if symbols.functions.is_empty()
            && let Ok(map) = std::fs::read_to_string(image.with_extension("map"))
        {
            symbols.read_map(&map);
        }
        symbols
    }

    /// Reads what linkers write about functions as text: section and offset, name, address.
    fn read_map(&mut self, map: &str) {
        let mut base = 0;
        for line in map.lines() {
            if let Some(address) = line.trim().strip_prefix("Preferred load address is ") {
                base = u64::from_str_radix(address.trim(), 16).unwrap_or(0);
            }
            let mut columns = line.split_whitespace();
            let (Some(section), Some(name), Some(address)) =
                (columns.next(), columns.next(), columns.next())
            else {
                continue;
            };
            let is_address = section.contains(':') && address.len() == 16;
            let Ok(address) = u64::from_str_radix(address, 16) else { continue };
            if let (true, Some(Ok(at))) = (is_address, address.checked_sub(base).map(u32::try_from))
            {
                self.functions.insert(at, name.to_owned());
            }
        }
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

#[cfg(test)]
mod tests {
    use super::Symbols;

    #[test]
    fn a_map_names_functions() {
        let mut symbols = Symbols::default();
        symbols.read_map(
            " filter\n\n Preferred load address is 0000000140000000\n\n\
             Start         Length     Name                   Class\n \
             0001:00000000 00004000H .text                   CODE\n\n \
             0001:00000010       FilterSend                 0000000140001010     send.obj\n",
        );
        assert_eq!(symbols.describe(0x1018).as_deref(), Some("FilterSend+0x8"));
        assert_eq!(symbols.describe(0x1000), None);
    }
}
