use std::{
    fs::File,
    io::{BufReader, Read, stdin},
    path::{Path, PathBuf},
};

use framecastctl::capture::{CaptureError, CaptureReader, CapturedFrame};

use super::Cut;
use crate::program::failure::Failure;

/// Which frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    /// The place of its file among those that are sent.
    pub(super) file: usize,
    /// Its place in the file, from 1.
    pub(super) frame: usize,
    /// How often the files were sent before.
    pub(super) pass: u64,
    /// Its bytes.
    pub(super) bytes: u64,
}

type Reader = CaptureReader<Box<dyn Read>>;

/// The frames of captures, one after the other, again and again.
pub(super) struct Frames<'f> {
    files: &'f [PathBuf],
    repeat: u64,
    cut: Cut,
    reader: Option<Reader>,
    at: Numbered,
}

impl<'f> Frames<'f> {
    /// Opens the first file, and looks at the beginning of the others.
    pub(super) fn open(files: &'f [PathBuf], repeat: u64, cut: Cut) -> Result<Self, Failure> {
        let is_input = |file: &&PathBuf| file.as_os_str() == "-";
        for file in files.iter().skip(1).filter(|file| !is_input(file)) {
            open(file)?;
        }
        let first = files.first().map(|file| open(file)).transpose()?;
        let at = Numbered { file: 0, frame: 0, pass: 0, bytes: 0 };
        Ok(Self { files, repeat, cut, reader: first, at })
    }

    fn explain(&self, source: CaptureError) -> Failure {
        let file = self.files.get(self.at.file).cloned().unwrap_or_default();
        Failure::Capture { file, source }
    }

    /// Opens the file after the one that is at its end; says whether there is one.
    fn next_file(&mut self) -> Result<bool, Failure> {
        self.at.file += 1;
        self.at.frame = 0;
        if self.at.file == self.files.len() {
            self.at.file = 0;
            self.at.pass += 1;
            if self.at.pass == self.repeat {
                return Ok(false);
            }
        }
        if let Some(file) = self.files.get(self.at.file) {
            self.reader = Some(open(file)?);
        }
        Ok(true)
    }

    fn take(&mut self) -> Option<Result<CapturedFrame, Failure>> {
        loop {
            let Some(frame) = self.reader.as_mut()?.next() else {
                match self.next_file() {
                    Ok(true) => continue,
                    Ok(false) => return None,
                    Err(failure) => return Some(Err(failure)),
                }
            };
            self.at.frame += 1;
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Some(Err(self.explain(error))),
            };
            match (frame.check_whole(self.at.frame), self.cut) {
                (Ok(()), _) | (Err(_), Cut::Send) => return Some(Ok(frame)),
                (Err(_), Cut::Skip) => {}
                (Err(error), Cut::Refuse) => {
                    let failure = self.explain(error).to_string();
                    let advice =
                        "--cut skip leaves such frames out, --cut send sends the beginning";
                    return Some(Err(Failure::Usage(format!("{failure}; {advice}"))));
                }
            }
        }
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<(Numbered, CapturedFrame), Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.take();
        match frame {
            Some(Ok(frame)) => Some(Ok((self.at, frame))),
            Some(Err(failure)) => {
                self.reader = None;
                Some(Err(failure))
            }
            None => None,
        }
    }
}

fn open(file: &Path) -> Result<Reader, Failure> {
    let wrong = |source| Failure::Capture { file: file.to_owned(), source };
    let source: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(stdin())
    } else {
        Box::new(File::open(file).map_err(|error| wrong(error.into()))?)
    };
    CaptureReader::new(Box::new(BufReader::new(source)) as Box<dyn Read>).map_err(wrong)
}
