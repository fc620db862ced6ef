//! The sizing of pools is pure, so it is tried over its whole range, away from any kernel.

#[path = "../../src/filter/plan.rs"]
#[allow(unreachable_pub, reason = "public in the driver")]
mod subject;

use proptest::prelude::*;
use subject::{
    ALIGNMENT, BUFFERS, CAPACITY_LIMIT, DATA_BACKFILL_LIMIT, FRAME_LIMIT, HEADER, MEMORY_LIMIT,
    Needs, Plan, VLAN_TAG,
};

/// Any 32-bit size, with the small and the extreme ones as likely as all others together.
fn sizes() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..70_000, any::<u32>(), Just(0), Just(u32::MAX), (u32::MAX - 70_000)..]
}

fn needs() -> impl Strategy<Value = Needs> {
    (sizes(), sizes(), sizes()).prop_map(|(mtu, data_backfill, context_backfill)| Needs {
        mtu,
        data_backfill,
        context_backfill,
    })
}

/// What a list's own context may take: a multiple of the alignment.
fn own_contexts() -> impl Strategy<Value = u16> {
    (0_u16..4096).prop_map(|blocks| blocks * 16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_plan_can_be_carried_out(needs in needs(), own in own_contexts()) {
        let plan = Plan::new(needs, own);
        let context = u32::from(own) + u32::from(plan.context_backfill);
        prop_assert!(u16::try_from(context).is_ok(), "context {context} does not fit NDIS' size");
        prop_assert_eq!(u32::from(plan.context_backfill) % ALIGNMENT, 0);
        prop_assert!(plan.max_frame > HEADER);
        prop_assert!(plan.max_frame <= FRAME_LIMIT);
        prop_assert!(plan.capacity >= 1);
        prop_assert!((BUFFERS.0..=BUFFERS.1).contains(&plan.buffers));
    }

    #[test]
    fn the_largest_frame_fits_the_buffers_of_a_module(needs in needs(), own in own_contexts()) {
        let plan = Plan::new(needs, own);
        let held = u64::from(plan.buffers) * u64::from(plan.capacity);
        prop_assert!(held >= u64::from(plan.max_frame + VLAN_TAG));
    }

    #[test]
    fn an_ordinary_need_is_honoured_to_the_byte(
        mtu in 1_u32..=65_536,
        data_backfill in 0..=DATA_BACKFILL_LIMIT,
        context_backfill in 0_u32..=32_768,
    ) {
        let plan = Plan::new(Needs { mtu, data_backfill, context_backfill }, 64);
        prop_assert_eq!(plan.max_frame, mtu + HEADER);
        prop_assert_eq!(plan.data_backfill, data_backfill);
        prop_assert_eq!(
            u32::from(plan.context_backfill),
            context_backfill.next_multiple_of(ALIGNMENT),
        );
    }

    #[test]
    fn a_need_beyond_the_limits_is_met_up_to_them(
        data_backfill in DATA_BACKFILL_LIMIT..,
        context_backfill in 65_536_u32..,
        own in own_contexts(),
    ) {
        let plan = Plan::new(Needs { mtu: 1500, data_backfill, context_backfill }, own);
        prop_assert_eq!(plan.data_backfill, DATA_BACKFILL_LIMIT);
        prop_assert_eq!(u32::from(plan.context_backfill), (65_535 - u32::from(own)) / 16 * 16);
    }

    #[test]
    fn memory_is_bounded(needs in needs(), own in own_contexts()) {
        let plan = Plan::new(needs, own);
        let bytes = u64::from(plan.buffers) * u64::from(plan.data_backfill + plan.capacity);
        let least = u64::from(BUFFERS.0) * u64::from(DATA_BACKFILL_LIMIT + CAPACITY_LIMIT);
        prop_assert!(bytes <= u64::from(MEMORY_LIMIT).max(least), "{bytes} bytes");
    }

    #[test]
    fn more_need_never_gets_less_room(needs in needs(), own in own_contexts(), more in sizes()) {
        let greater = Needs {
            data_backfill: needs.data_backfill.saturating_add(more),
            context_backfill: needs.context_backfill.saturating_add(more),
            ..needs
        };
        let (plan, greater) = (Plan::new(needs, own), Plan::new(greater, own));
        prop_assert!(greater.data_backfill >= plan.data_backfill);
        prop_assert!(greater.context_backfill >= plan.context_backfill);
        prop_assert_eq!(greater.max_frame, plan.max_frame);
    }
}

#[test]
fn an_ethernet_adapter_takes_frames_of_1514_bytes() {
    let plan = Plan::new(Needs { mtu: 1500, data_backfill: 256, context_backfill: 64 }, 64);
    assert_eq!(plan.max_frame, 1514);
    assert_eq!(Plan::min_frame(), 14);
    assert_eq!((plan.data_backfill, plan.context_backfill), (256, 64));
}

#[test]
fn an_mtu_of_zero_counts_as_unknown() {
    let zero = Plan::new(Needs { mtu: 0, ..Needs::UNKNOWN }, 64);
    assert_eq!(zero, Plan::new(Needs::UNKNOWN, 64));
}
