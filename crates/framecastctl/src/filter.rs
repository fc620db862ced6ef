use std::str::FromStr;

use protocol::{FilterInstruction, limits::FILTER_INSTRUCTIONS};

use crate::libpcap;

/// A capture filter: which frames are copied. The default copies all.
///
/// The program is classic BPF, as libpcap compiles it for Ethernet; the driver checks it before it
/// takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    instructions: Vec<FilterInstruction>,
}

/// Why there is no such filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The library that compiles expressions is not installed.
    #[error(
        "capture filters are compiled by libpcap, which is not installed; install {}, or give the \
         output of 'tcpdump -ddd' with --filter-bpf",
        libpcap::PACKAGE
    )]
    NoLibpcap,
    /// libpcap does not take the expression.
    #[error("the capture filter '{expression}' is not one: {message}")]
    Expression {
        /// The expression.
        expression: String,
        /// What libpcap says.
        message: String,
    },
    /// A text is not a program as `tcpdump -ddd` prints it.
    #[error("line {0} is not what 'tcpdump -ddd' prints")]
    Malformed(usize),
    /// The program is longer than the driver takes.
    #[error("the capture filter has {0} instructions; the driver takes {FILTER_INSTRUCTIONS}")]
    TooLong(usize),
}

impl Filter {
    /// Compiles an expression in libpcap's language, by the libpcap that is installed: Npcap on
    /// Windows, which comes with Wireshark. An empty expression copies all.
    ///
    /// # Errors
    ///
    /// [`FilterError`].
    pub fn compile(expression: &str) -> Result<Self, FilterError> {
        if expression.trim().is_empty() {
            return Ok(Self::default());
        }
        Self::new(libpcap::compile(expression)?)
    }

    /// The filter that is this program.
    ///
    /// # Errors
    ///
    /// [`FilterError::TooLong`].
    pub fn new(instructions: Vec<FilterInstruction>) -> Result<Self, FilterError> {
        match instructions.len() {
            length if length > FILTER_INSTRUCTIONS => Err(FilterError::TooLong(length)),
            _ => Ok(Self { instructions }),
        }
    }

    /// Its program; empty to copy all.
    #[must_use]
    pub fn instructions(&self) -> &[FilterInstruction] {
        &self.instructions
    }
}

/// Reads what `tcpdump -ddd` prints: the number of instructions, then each as four decimals.
///
/// ```
/// use framecastctl::Filter;
///
/// let arp: Filter = "4\n40 0 0 12\n21 0 1 2054\n6 0 0 262144\n6 0 0 0\n".parse()?;
/// assert_eq!(arp.instructions().len(), 4);
/// # Ok::<(), framecastctl::FilterError>(())
/// ```
impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let count: usize =
            lines.next().and_then(|line| line.parse().ok()).ok_or(FilterError::Malformed(1))?;
        let mut instructions = Vec::new();
        for (index, line) in lines.enumerate() {
            instructions.push(instruction(line).ok_or(FilterError::Malformed(index + 2))?);
        }
        if instructions.len() != count || count == 0 {
            return Err(FilterError::Malformed(1));
        }
        Self::new(instructions)
    }
}

fn instruction(line: &str) -> Option<FilterInstruction> {
    let mut words = line.split_whitespace();
    let instruction = FilterInstruction {
        code: words.next()?.parse().ok()?,
        jump_true: words.next()?.parse().ok()?,
        jump_false: words.next()?.parse().ok()?,
        operand: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(instruction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_cut_or_is_none_is_malformed() {
        for (text, line) in [
            ("", 1),
            ("x", 1),
            ("0\n", 1),
            ("2\n6 0 0 0\n", 1),
            ("1\n6 0 0\n", 2),
            ("1\n6 0 0 0 0\n", 2),
            ("1\n6 0 256 0\n", 2),
            ("1\n6 0 0 4294967296\n", 2),
            ("1\n(000) ret #0\n", 2),
        ] {
            assert_eq!(text.parse::<Filter>(), Err(FilterError::Malformed(line)), "{text:?}");
        }
    }

    #[test]
    fn a_program_beyond_the_limit_is_refused() {
        let program = vec![FilterInstruction::default(); FILTER_INSTRUCTIONS + 1];
        assert_eq!(Filter::new(program), Err(FilterError::TooLong(FILTER_INSTRUCTIONS + 1)));
    }

    #[test]
    fn an_empty_expression_copies_all() {
        assert_eq!(Filter::compile(" "), Ok(Filter::default()));
    }
}
