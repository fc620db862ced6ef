/// One instruction of the classic Berkeley packet filter: `struct bpf_insn`, as `pcap_compile` makes
/// it and `tcpdump -dd` prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// Instructions to skip where a test holds.
    pub jt: u8,
    /// Instructions to skip where a test does not hold.
    pub jf: u8,
    /// The operand: a constant, an offset in bytes, a word of the scratch memory, or a distance.
    pub k: u32,
}
