//! The rules for INF files, each with a breach that it alone reports.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, ensure};
use wdk_kit::Architecture;
use xtask::inf::{Inf, Rule, Stamp, check};

/// What the driver ships with, stamped.
fn good(architecture: Architecture) -> Result<String> {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../inf/framecast.inx");
    let text = fs::read_to_string(template)?;
    let stamp = Stamp { version: "1.2.3.0".to_owned(), date: "02/29/2024".to_owned() };
    Ok(stamp.apply(&text, architecture))
}

/// The rules that a text breaks.
fn broken(text: &str) -> Result<BTreeSet<Rule>> {
    Ok(check(&Inf::parse(text)?).into_iter().map(|finding| finding.rule).collect())
}

/// For each rule, what is put in the place of what.
const BREACHES: &[(Rule, &str, &str)] = &[
    (Rule::Signature, "$WINDOWS NT$", "$CHICAGO$"),
    (Rule::Class, "NetService", "Net"),
    (Rule::Class, "{4D36E974-", "{4D36E972-"),
    (Rule::Lockdown, "PnpLockdown = 1", "PnpLockdown = 0"),
    (Rule::Provider, "Provider    = %Provider%", ""),
    (Rule::Catalog, "CatalogFile = framecast.cat", "CatalogFile = framecast.sys"),
    (Rule::DriverVersion, "02/29/2024,1.2.3.0", "29/02/2024,1.2.3.0"),
    (Rule::DriverVersion, "02/29/2024,1.2.3.0", "02/29/2024,1.2.3"),
    (Rule::DriverVersion, "02/29/2024,1.2.3.0", "02/29/2024,1.2.3.65536"),
    (Rule::RequiredSection, "[Manufacturer]", "[Nobody]"),
    (Rule::RequiredSection, "[DestinationDirs]", "[Directories]"),
    (Rule::RequiredSection, "[Install.Ndi]", "[Ndi]"),
    (Rule::RequiredSection, "CopyFiles       = Install.Files", ""),
    (Rule::RequiredSection, "[Install.Service]", "[Service]"),
    (Rule::Decoration, "Framecast, NTamd64, NTamd64.10.0...25319", "Framecast, NTamd64"),
    (Rule::Decoration, "Framecast, NTamd64, NTamd64.10.0...25319", "Framecast"),
    (Rule::Decoration, "Framecast, NTamd64,", "Framecast, NTx86,"),
    (Rule::HardwareId, "framecast_lwf", "framecast"),
    (Rule::HardwareId, "Install.Store, framecast_lwf", "Install.Store, framecast_other"),
    (Rule::NoDefaultInstall, "[Strings]", "[DefaultInstall.NTamd64]\n[Strings]"),
    (Rule::Characteristics, "0x40000", "0x400"),
    (Rule::Characteristics, "0x40000", "0x40400"),
    (Rule::InstanceId, "{5C2F3B0E-8D0A-4C2B-9F0E-6B7B1C6D4A51}", "framecast"),
    (
        Rule::InstanceId,
        "5C2F3B0E-8D0A-4C2B-9F0E-6B7B1C6D4A51}\"\r\nCopyFiles       = Install.Files",
        "5C2F3B0E-8D0A-4C2B-9F0E-6B7B1C6D4A52}\"\r\nCopyFiles       = Install.Files",
    ),
    (Rule::NdiService, "Service,          0,       framecast", "Service,          0,       other"),
    (Rule::NdiService, "Service,          0,  ", "Service,          0x10000,  "),
    (Rule::CoServices, "CoServices,       0x10000, framecast", "CoServices,       0x10000, other"),
    (Rule::CoServices, "CoServices,       0x10000", "CoServices,       0"),
    (Rule::FilterType, "FilterType,       0x10001, 2", "FilterType,       0x10001, 3"),
    (Rule::FilterType, "FilterType,       0x10001", "FilterType,       0"),
    (Rule::FilterRunType, "FilterRunType,    0x10001, 2", "FilterRunType,    0x10001, 0"),
    (
        Rule::Monitoring,
        "FilterClass,      0,       diagnostic\r\n\
        HKR, Ndi,            FilterType,       0x10001, 2 ; modifying\r\n\
        HKR, Ndi,            FilterRunType,    0x10001, 2",
        "FilterType, 0x10001, 1\r\nHKR, Ndi, FilterRunType, 0x10001, 1",
    ),
    (Rule::FilterClass, "diagnostic", "ms_switch_filter"),
    (Rule::FilterClass, "FilterType,       0x10001, 2", "FilterType,       0x10001, 1"),
    (Rule::Ranges, "noupper", "ndis5"),
    (Rule::Ranges, "       nolower", "       ethernet"),
    (Rule::MediaTypes, "\"ethernet\"", "\"ethernet, nolower\""),
    (Rule::MediaTypes, "\"ethernet\"", ""),
    (Rule::ServiceType, "ServiceType    = 1", "ServiceType    = 2"),
    (Rule::StartType, "StartType      = 1", "StartType      = 2"),
    (Rule::BootStart, "StartType      = 1", "StartType      = 3"),
    (
        Rule::BootStart,
        "HKR, Ndi,            HelpText",
        "HKR, Ndi, NdisBootStart, 0x10001, 0\r\nHKR, Ndi,            HelpText",
    ),
    (Rule::ErrorControl, "ErrorControl   = 1", "ErrorControl   = 3"),
    (Rule::LoadOrderGroup, "LoadOrderGroup = NDIS", "LoadOrderGroup = NDIS Wrapper"),
    // Both where the driver is copied and where it is looked for.
    (Rule::Directory, "12", "11"),
    (Rule::ServiceBinary, "%13%\\framecast.sys", "%12%\\framecast.sys"),
    (Rule::ServiceBinary, "%12%\\framecast.sys", "%12%\\other.sys"),
    (Rule::Parameters, "HKR, Parameters, Ndis", "HKR,, Ndis"),
    (Rule::RelativeRoot, "HKR, Ndi,            HelpText", "HKLM, Ndi,            HelpText"),
    (Rule::Declarative, "[Install.Store]", "[Install.Store]\r\nDelReg = Install.Ndi"),
    (Rule::Removal, "[Install.Remove.Services]", "[Remove.Services]"),
    (Rule::Removal, "DelService = framecast, 0x200", "DelService = framecast"),
    (Rule::SourceDisks, "framecast.sys = 1", "framecast.dll = 1"),
    (Rule::SourceDisks, "1 = %Disk%", "2 = %Disk%"),
    (Rule::UnknownString, "HelpText    = ", "OtherText    = "),
];

#[test]
fn the_inf_of_the_package_keeps_every_rule() -> Result<()> {
    for architecture in Architecture::ALL {
        assert_eq!(check(&Inf::parse(&good(architecture)?)?), []);
    }
    Ok(())
}

#[test]
fn each_breach_is_reported_by_its_rule_alone() -> Result<()> {
    let good = good(Architecture::X64)?;
    for (rule, old, new) in BREACHES {
        ensure!(good.contains(old), "{rule}: the INF does not hold {old:?}");
        let found = broken(&good.replace(old, new)).context(*rule)?;
        assert_eq!(found, BTreeSet::from([*rule]), "{new:?} for {old:?}");
    }
    Ok(())
}

#[test]
fn every_rule_has_a_breach() {
    let breached: BTreeSet<_> = BREACHES.iter().map(|(rule, _, _)| *rule).collect();
    assert_eq!(breached, Rule::ALL.iter().copied().collect());
}

#[test]
fn what_the_rules_allow_is_not_reported() -> Result<()> {
    let good = good(Architecture::X64)?;
    for (old, new) in [
        // On demand, and networking told so.
        ("StartType      = 1", "StartType      = 3"),
        // A class of the provider's own.
        ("diagnostic", "Framecast_diagnostic"),
        ("\"ethernet\"", "\"ethernet, wlan, ppip\""),
    ] {
        let mut text = good.replace(old, new);
        if old.starts_with("StartType") {
            let help = "HKR, Ndi,            HelpText";
            let hint = "HKR, Ndi, NdisBootStart, 0x10001, 0\r\n";
            text = text.replace(help, &format!("{hint}{help}"));
        }
        assert_eq!(broken(&text)?, BTreeSet::new(), "{new:?} for {old:?}");
    }
    Ok(())
}

#[test]
fn a_finding_names_its_line() -> Result<()> {
    let text = good(Architecture::X64)?.replace("PnpLockdown = 1", "PnpLockdown = 2");
    let line = text.lines().position(|line| line.starts_with("PnpLockdown")).context("a line")?;
    let findings = check(&Inf::parse(&text)?);
    let expected = format!("{}: Lockdown: PnpLockdown is 2", line + 1);
    assert_eq!(findings.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    Ok(())
}
