//! What `framecastctl selftest` says of a driver with a mistake in it.

use anyhow::Result;
use framecast_tests::driver_file;
use xtask::{
    mutants::{Bench, Mutant, Selftest, Verdict},
    workspace::Workspace,
};

#[test]
fn a_planted_mistake_is_named_by_the_table_and_the_exit_status() -> Result<()> {
    let workspace = Workspace::here();
    let selftest = Selftest::build(&workspace)?;
    let good = selftest.verdict(&driver_file())?;
    assert_eq!(good, Verdict { failed: Vec::new(), passed: 15, status: Some(0) });

    let mutant = Mutant::named(&workspace, "70-snap-length-ignored")?;
    let driver = Bench::new(&workspace)?.build(Some(&mutant))?;
    let check = "A tap cuts, filters and counts";
    let bad = selftest.verdict(&driver)?;
    assert_eq!(bad, Verdict { failed: vec![check.to_owned()], passed: 14, status: Some(1) });

    let table = selftest.command(&driver).output()?;
    let printed = String::from_utf8(table.stdout)?;
    let rows: Vec<_> = printed.lines().filter(|line| line.contains("FAILED")).collect();
    assert!(matches!(rows.as_slice(), [row] if row.contains(check)), "{printed}");
    assert!(printed.ends_with("\n14 passed, 1 failed, 0 not run\n"), "{printed}");
    assert_eq!(table.status.code(), Some(1));
    Ok(())
}
