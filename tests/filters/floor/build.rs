//! Links a kernel-mode driver.

fn main() {
    for argument in ["/DRIVER", "/NODEFAULTLIB", "/SUBSYSTEM:NATIVE", "/ENTRY:DriverEntry"] {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
}
