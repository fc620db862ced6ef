//! Inputs of requests: right ones, altered ones, invented ones.

use crate::exercise::chance::Chance;

/// How many inputs that the driver accepted are kept for mutations.
const KEPT: usize = 64;

/// The longest input and output that is invented.
const LONGEST: usize = 8192;

/// Makes control codes and inputs, and learns from what the driver accepts.
#[derive(Clone, Debug)]
pub(crate) struct Forge {
    /// Codes, each with an input that the driver may like.
    samples: Vec<(u32, Vec<u8>)>,
    /// Numbers that mean something to the driver: of adapters, for example.
    numbers: Vec<u64>,
}

/// A device control to be made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forged {
    pub(crate) code: u32,
    pub(crate) input: Vec<u8>,
    pub(crate) room: usize,
}

impl Forge {
    pub(crate) fn new(samples: Vec<(u32, Vec<u8>)>, mut numbers: Vec<u64>) -> Self {
        numbers.extend([0, 1, 2, 7, 8, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000]);
        numbers.extend([0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, u64::MAX]);
        Self { samples, numbers }
    }

    /// Makes a device control.
    pub(crate) fn control(&self, chance: &mut Chance) -> Forged {
        if self.samples.is_empty() {
            let length = chance.size(0..=256);
            return Forged { code: chance.word(), input: chance.bytes(length), room: length };
        }
        let (mut code, sample) = chance.pick(&self.samples);
        if chance.one_in(12) {
            code = alter_code(code, chance);
        }
        let mut input = sample;
        if input.is_empty() && chance.one_in(2) {
            input = self.invent(chance);
        }
        if !chance.one_in(3) {
            for _ in 0..chance.size(1..=3) {
                self.alter(&mut input, chance);
            }
        }
        input.truncate(LONGEST);
        let room = match chance.between(0..=5) {
            0 => 0,
            1 => chance.size(0..=input.len()),
            2 => chance.size(0..=64),
            _ => chance.size(64..=LONGEST),
        };
        Forged { code, input, room }
    }

    /// Remembers an input that the driver accepted: what is near it may be of interest.
    pub(crate) fn learn(&mut self, code: u32, input: Vec<u8>, chance: &mut Chance) {
        if self.samples.len() < KEPT {
            self.samples.push((code, input));
        } else {
            let at = chance.size(KEPT / 2..=KEPT - 1);
            self.samples[at] = (code, input);
        }
    }

    /// An input of numbers.
    fn invent(&self, chance: &mut Chance) -> Vec<u8> {
        let mut input = Vec::new();
        for _ in 0..chance.size(0..=12) {
            let number = self.number(input.len(), chance).to_le_bytes();
            input.extend(&number[..chance.pick(&[4, 8])]);
        }
        input
    }

    /// A number that may mean something, at an offset of an input.
    fn number(&self, near: usize, chance: &mut Chance) -> u64 {
        match chance.between(0..=3) {
            0 => (near as u64).wrapping_add(chance.between(0..=16)).wrapping_sub(8),
            1 => chance.between(0..=16),
            _ => chance.pick(&self.numbers),
        }
    }

    /// Changes an input in one way.
    fn alter(&self, input: &mut Vec<u8>, chance: &mut Chance) {
        match chance.between(0..=6) {
            0 => input.truncate(chance.size(0..=input.len())),
            1 => {
                let length = chance.size(0..=64);
                input.extend(chance.bytes(length));
            }
            2 if !input.is_empty() => {
                let at = chance.size(0..=input.len() - 1);
                input[at] ^= 1 << chance.between(0..=7);
            }
            3 => {
                let (start, end) = (chance.size(0..=input.len()), chance.size(0..=input.len()));
                let piece = input[start.min(end)..start.max(end)].to_vec();
                input.extend(piece);
            }
            4 if !input.is_empty() => drop(input.drain(..chance.size(0..=input.len()))),
            _ => {
                let width = chance.pick(&[1, 2, 4, 4, 8, 8]);
                let Some(last) = (input.len() / width).checked_sub(1) else { return };
                let at = chance.size(0..=last) * width;
                let number = self.number(input.len(), chance).to_le_bytes();
                input[at..at + width].copy_from_slice(&number[..width]);
            }
        }
    }
}

/// Another method, access, function or device type than a code has.
fn alter_code(code: u32, chance: &mut Chance) -> u32 {
    match chance.between(0..=4) {
        0 | 1 => code & !3 | chance.word() & 3,
        2 => code ^ (chance.word() & 3) << 14,
        3 => code.wrapping_add(4),
        _ => code ^ 1 << chance.between(0..=31),
    }
}

#[cfg(test)]
mod tests {
    use super::Forge;
    use crate::exercise::chance::Chance;

    #[test]
    fn inputs_vary_and_some_are_right() {
        let forge = Forge::new(vec![(0x0012_E000, b"a right input".to_vec())], vec![42]);
        let mut chance = Chance::new(1);
        let made: Vec<_> = (0..1000).map(|_| forge.control(&mut chance)).collect();
        let right = made.iter().filter(|it| it.code == 0x0012_E000 && it.input == b"a right input");
        assert!((100..900).contains(&right.count()));
    }
}
