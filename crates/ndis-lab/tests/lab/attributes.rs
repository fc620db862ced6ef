//! Restart attributes, and requests that are answered in accordance: planted breaches.

use crate::common::{Fake, expect_broken, keep};
use ndis_lab::abi::ndis::{
    FilterDriverCharacteristics as C, FilterRestartParameters, OidRequest, RestartAttributesEntry,
    RestartGeneralAttributes,
};
use ndis_lab::guest::Guest;
use ndis_lab::{AdapterConfig, Lab, NtStatus, OidQuery, RestartAttributes, Rule};

planted!(RestartAttributes, restart_attributes_of_others_are_left_alone, || {
    type E = RestartAttributesEntry;
    let world = Fake {
        on_restart: Some(Box::new(|_, parameters| {
            let first = parameters.get(FilterRestartParameters::RESTART_ATTRIBUTES);
            if !first.is_null() {
                first.field(E::DATA).write(1);
            }
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    }
    .run();
    world.expect_broken(&[]);
    world.stack.pause();
    let attributes = RestartAttributes::of(world.stack.config()).unknown_before(1);
    world.stack.restart_with(&attributes).expect("a restart");
    world.expect_broken(&[Rule::RestartAttributes]);
    world.end();
});

planted!(RestartAttributes, a_failed_restart_changes_no_attributes, || {
    let lab = Lab::default();
    let fake = Fake {
        on_restart: Some(Box::new(|_, parameters| {
            let first = parameters.get(FilterRestartParameters::RESTART_ATTRIBUTES);
            first.field(RestartAttributesEntry::DATA).byte_add(4).write(1);
            NtStatus::FAILURE
        })),
        ..Fake::default()
    };
    let (driver, _, _) = fake.start(&lab);
    let stack = driver.attach(AdapterConfig::default()).expect("it attaches");
    assert!(stack.start().is_err());
    expect_broken(&lab, &[Rule::RestartAttributes]);
    driver.unload().expect_clean();
});

planted!(RestartAttributes, attributes_are_not_added_where_there_are_none, || {
    let world = Fake {
        on_restart: Some(Box::new(|_, parameters| {
            let place = FilterRestartParameters::RESTART_ATTRIBUTES;
            if parameters.get(place).is_null() {
                parameters.set(place, keep(RestartAttributesEntry::SIZE + 16).cast());
            }
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    }
    .run();
    world.stack.pause();
    world.stack.restart_with(&RestartAttributes::null()).expect("a restart");
    world.expect_broken(&[Rule::RestartAttributes]);
    world.end();
});

/// A filter that takes bytes off the MTU that it reports.
fn shrinking() -> Fake {
    Fake {
        on_restart: Some(Box::new(|_, parameters| {
            let first = parameters.get(FilterRestartParameters::RESTART_ATTRIBUTES);
            let data = first.field(RestartAttributesEntry::DATA);
            let general: Guest<RestartGeneralAttributes> = data.cast();
            let mtu = general.get(RestartGeneralAttributes::MTU_SIZE);
            general.set(RestartGeneralAttributes::MTU_SIZE, mtu - 100);
            NtStatus::SUCCESS
        })),
        ..Fake::default()
    }
}

planted!(RestartAttributes, who_changes_attributes_answers_requests, || {
    let world = Fake {
        edit: Some(Box::new(|c| {
            c.field(C::OID_REQUEST).cast::<u64>().write(0);
            c.field(C::OID_REQUEST_COMPLETE).cast::<u64>().write(0);
        })),
        ..shrinking()
    }
    .run();
    world.expect_broken(&[Rule::RestartAttributes]);
    world.end();
});

planted!(RestartAttributes, requests_are_answered_as_the_attributes_say, || {
    for (answer, rules) in [(1400_u32, &[][..]), (1500, &[Rule::RestartAttributes][..])] {
        let world = Fake {
            on_oid: Some(Box::new(move |_, request| {
                request.get(OidRequest::BUFFER).cast::<u32>().write(answer);
                request.set(OidRequest::BYTES_DONE, 4);
                NtStatus::SUCCESS
            })),
            ..shrinking()
        }
        .run();
        // OID_GEN_MAXIMUM_FRAME_SIZE.
        let _ = world.stack.oid(&OidQuery::query(0x0001_0106, 4));
        world.expect_broken(rules);
        world.end();
    }
});
