use std::{fs, path::PathBuf};

use framecastctl::Filter;

use super::failure::Failure;

/// Which frames are copied.
#[derive(Debug, Default, Clone, clap::Args)]
pub(crate) struct FilterArguments {
    /// Copy frames that match this, in libpcap's language, as 'tcp port 80'
    #[arg(short = 'f', long, value_name = "EXPRESSION")]
    pub(super) filter: Option<String>,
    /// Copy frames that this program takes: a file with the output of 'tcpdump -ddd'
    #[arg(long, value_name = "FILE", conflicts_with = "filter")]
    filter_bpf: Option<PathBuf>,
}

impl FilterArguments {
    pub(super) fn filter(&self) -> Result<Filter, Failure> {
        match (&self.filter, &self.filter_bpf) {
            (Some(expression), _) => Ok(Filter::compile(expression)?),
            (None, Some(file)) => {
                let read = fs::read_to_string(file);
                let text = read.map_err(|source| Failure::File { file: file.clone(), source })?;
                text.parse().map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
            }
            (None, None) => Ok(Filter::default()),
        }
    }
}
