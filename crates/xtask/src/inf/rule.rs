//! The rules, each with the page of Microsoft's that it follows.

use std::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $statement:literal, $source:literal;)*) => {
        /// A rule for the INF file of an NDIS filter driver.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $statement] $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What it asks for.
            #[must_use]
            pub const fn statement(self) -> &'static str {
                match self {
                    $(Self::$name => $statement,)*
                }
            }

            /// Where it is written.
            #[must_use]
            pub const fn source(self) -> &'static str {
                match self {
                    $(Self::$name => $source,)*
                }
            }
        }

        impl fmt::Display for Rule {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => stringify!($name),)*
                })
            }
        }
    };
}

rules! {
    Signature: "Signature is \"$WINDOWS NT$\"",
        "Version Section in a Network INF File";
    Class: "Class is NetService, and ClassGuid is that of network services",
        "Version Section in a Network INF File";
    Lockdown: "PnpLockdown is 1: nothing but the package changes its files",
        "INF Version Section";
    Provider: "Provider names who made the driver",
        "Version Section in a Network INF File";
    Catalog: "CatalogFile names the catalog",
        "INF Version Section";
    DriverVersion: "DriverVer is a date and four numbers up to 65535",
        "INF DriverVer Directive";
    RequiredSection: "Version, Manufacturer, Models, DDInstall, its add-registry section, \
        DestinationDirs and Strings are there, and what is named is there",
        "Installation Requirements for Network Filter Drivers";
    Decoration: "Models sections are decorated with the processor, NTamd64 or NTarm64, and each has \
        one for builds before 25319 and one from that build on",
        "NDIS Filter Driver Installation; INF Manufacturer Section";
    HardwareId: "All models are one component, called provider_product",
        "Models Section in a Network INF File";
    NoDefaultInstall: "There is no DefaultInstall section: network components are installed by \
        INetCfg, never by SetupAPI",
        "NDIS Filter Driver Installation";
    Characteristics: "Characteristics is NCF_LW_FILTER, 0x40000, and never NCF_FILTER, 0x400",
        "Configuring an INF File for a Modifying Filter Driver";
    InstanceId: "NetCfgInstanceId is a GUID in braces, one for all models",
        "Configuring an INF File for a Modifying Filter Driver";
    NdiService: "Ndi\\Service is a REG_SZ that names the service",
        "Adding Service-Related Values to the Ndi Key";
    CoServices: "Ndi\\CoServices is a REG_MULTI_SZ that holds the service",
        "Adding Service-Related Values to the Ndi Key";
    FilterType: "Ndi\\FilterType is a REG_DWORD, 1 (monitoring) or 2 (modifying)",
        "Types of Filter Drivers";
    FilterRunType: "Ndi\\FilterRunType is a REG_DWORD, 1 (mandatory) or 2 (optional)",
        "Mandatory Filter Drivers";
    Monitoring: "A monitoring filter is optional",
        "Configuring an INF File for a Monitoring Filter Driver";
    FilterClass: "A modifying filter has a FilterClass of NDIS', or one that starts with its \
        provider; a monitoring filter has none",
        "Configuring an INF File for a Modifying Filter Driver";
    Ranges: "UpperRange is noupper and LowerRange is nolower",
        "Specifying Filter Driver Binding Relationships";
    MediaTypes: "FilterMediaTypes names media, and not nolower",
        "Specifying Filter Driver Binding Relationships";
    ServiceType: "ServiceType is 1, a kernel driver",
        "Configuring an INF File for a Modifying Filter Driver";
    StartType: "StartType is 1, with the system; an optional filter may also have 3, on demand",
        "Mandatory Filter Drivers; the sample netlwf.inf";
    BootStart: "Ndi\\NdisBootStart is 0 for an optional filter that starts on demand, which \
        networking would wait 90 seconds for, and not there for one that starts with the system",
        "Optional NDIS LWF could cause 90-second delay in network availability; the sample \
        netlwf.inf";
    ErrorControl: "ErrorControl is 1, normal",
        "Configuring an INF File for a Modifying Filter Driver";
    LoadOrderGroup: "LoadOrderGroup is NDIS",
        "Configuring an INF File for a Modifying Filter Driver";
    Directory: "Files go to DIRID 12, and to DIRID 13, the driver store, from build 25319 on",
        "NDIS Filter Driver Installation";
    ServiceBinary: "ServiceBinary is the copied driver, where it was copied to",
        "INF AddService Directive";
    Parameters: "The service's own values are below Parameters",
        "Provisioning the registry: Driver package isolation";
    RelativeRoot: "Values are added below HKR only",
        "Using a Universal INF File";
    Declarative: "No directive changes the system beyond copying files, adding values and the \
        service",
        "Using a Universal INF File";
    Removal: "Each install section has Remove.Services, which stops and deletes the service: \
        DelService with the flag 0x200",
        "Remove Section in a Network INF File; the sample netlwf.inf";
    SourceDisks: "Each copied file has a disk in SourceDisksFiles, and that disk is in \
        SourceDisksNames",
        "INF SourceDisksFiles Section";
    UnknownString: "Each %string% is in Strings",
        "INF Strings Section";
}
