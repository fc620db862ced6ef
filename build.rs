//! Configures the driver's build through wdk-build, turns `ndis.h` into bindings, and links the
//! version resource.
//!
//! wdk-sys binds the kernel but not NDIS; its types are taken from there, so `src/ndis/sys.rs`
//! includes the result beside `use wdk_sys::*`.

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    path::PathBuf,
    process,
    sync::{Arc, Mutex, PoisonError},
};

use bindgen::{
    Builder, CodegenConfig,
    callbacks::{DeriveTrait, ImplementsTrait, ParseCallbacks},
};
use version_resource::{Kind, VersionResource};
use wdk_build::{ApiSubset, BuilderExt, Config};

/// The NDIS level of the driver: Windows 10 2004. Structure layouts depend on it.
const NDIS_LEVEL: &str = "NDIS684";

/// The functions of NDIS that a filter driver can call.
const FUNCTIONS: &str = "NdisF[A-Z].*|\
    Ndis(Allocate|Free|Get|Retreat|Advance|Adjust|Copy)[A-Za-z]*(NetBuffer|Mdl|DataBuffer).*|\
    Ndis(De)?[Rr]egisterDeviceEx|NdisGetDeviceReservedExtension|NdisGetVersion|\
    Ndis(Allocate|Free)CloneOidRequest|NdisSetOptionalHandlers|NdisGeneratePartialCancelId|\
    Ndis(Open|Read|Close)Configuration(Ex)?|NdisAllocateMemoryWithTagPriority|NdisFreeMemory|\
    Ndis(Allocate|Free)GenericObject|Ndis(Initialize|Set|Reset|Wait)Event|NdisMSleep|\
    NdisStallExecution|Ndis(Allocate|Free|Release)RWLock|NdisAcquireRWLock(Read|Write)|\
    Ndis(Allocate|Free|Set|Cancel)TimerObject|Ndis(Allocate|Queue|Free)IoWorkItem";

/// The types that are named in no signature: they travel behind plain pointers.
const TYPES: &str = "_?NDIS_FILTER_.*|_?NDIS_RESTART_.*|_?NET_BUFFER.*|\
    _?NDIS_.*NET_BUFFER_LIST_.*INFO|_?NDIS_RSC_NBL_INFO|_?NDIS_OID_REQUEST|\
    _?NDIS_STATUS_INDICATION|_?NDIS_LINK_STATE|_?NET_(DEVICE_)?PNP_EVENT.*|_?NDIS_OFFLOAD|\
    _?NDIS_DEVICE_OBJECT_ATTRIBUTES|_?NDIS_CONFIGURATION_.*|_?NDIS_GENERIC_OBJECT|\
    _?NDIS_MEDIUM|_?NDIS_PHYSICAL_MEDIUM|_?NDIS_TIMER_CHARACTERISTICS";

/// Old spellings of the heads of two structures. Their members have no names at all, which C allows
/// and bindgen cannot express.
const OPAQUE: &str = "_?NET_BUFFER(_LIST)?_(DATA|HEADER)";

/// The constants.
const CONSTANTS: &str = "NDIS_.*|NET_BUFFER_.*|NBL_.*|NET_IF_.*|OID_.*";

fn main() {
    if let Err(error) = build() {
        // One line for a reader; main's own report would be the error's Debug form.
        println!("cargo::error={error}");
        process::exit(1);
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let config = Config::from_env_auto()?;
    config.configure_binary_build()?;
    println!("cargo::rustc-link-lib=dylib=ndis");
    // The same sources give the same image: no time of day in it, no path to its symbols. The sum
    // in its header is what the loader checks for boot drivers.
    for argument in ["/Brepro", "/PDBALTPATH:%_PDB%", "/RELEASE"] {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
    let version = VersionResource::of_package(Kind::NetworkDriver, "framecast.sys")?.write()?;
    println!("cargo::rustc-cdylib-link-arg={}", version.display());

    let bindings = bind_ndis(&config)?;
    // ndis.h hides what belongs to a level it does not know, and says nothing.
    if !bindings.contains("pub struct _NDIS_FILTER_DRIVER_CHARACTERISTICS") {
        return Err(format!(
            "the ndis.h of this WDK does not know {NDIS_LEVEL}; install the WDK for Windows 10 \
             version 2004 or a later one"
        )
        .into());
    }
    let path = PathBuf::from(env::var("OUT_DIR")?).join("ndis.rs");
    std::fs::write(path, bindings)?;
    Ok(())
}

/// Binds what `ndis.h` adds to the headers that wdk-sys has bound.
fn bind_ndis(config: &Config) -> Result<String, Box<dyn Error>> {
    let base = config.bindgen_header_contents([ApiSubset::Base])?;
    let header = format!(
        "{base}\
         #define NDIS_FILTER_DRIVER 1\n\
         #define NDIS_WDM 1\n\
         #define {NDIS_LEVEL} 1\n\
         #include \"ndis.h\"\n"
    );

    let mut builder = Builder::wdk_default(config)?
        .header_contents("ndis-input.h", &header)
        .allowlist_function(FUNCTIONS)
        .allowlist_type(TYPES)
        .allowlist_var(CONSTANTS)
        .opaque_type(OPAQUE)
        .wrap_unsafe_ops(true)
        .parse_callbacks(Box::new(WdkSysTraits));
    for file in headers_of_wdk_sys(config, &base)? {
        builder = builder.blocklist_file(escape(&file));
    }
    Ok(builder.generate()?.to_string())
}

/// The headers that wdk-sys has bound: all that the Base subset includes.
fn headers_of_wdk_sys(config: &Config, base: &str) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let included = Included::default();
    Builder::wdk_default(config)?
        .with_codegen_config(CodegenConfig::empty())
        .header_contents("base-input.h", base)
        .parse_callbacks(Box::new(included.clone()))
        .generate()?;
    Ok(included.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Takes down every header that is included.
#[derive(Debug, Default, Clone)]
struct Included(Arc<Mutex<BTreeSet<String>>>);

impl ParseCallbacks for Included {
    fn include_file(&self, file: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(file.to_owned());
    }
}

/// What the types of wdk-sys implement: bindgen cannot see it, and would wrap every union that
/// holds one of them.
#[derive(Debug)]
struct WdkSysTraits;

impl ParseCallbacks for WdkSysTraits {
    fn blocklisted_type_implements_trait(
        &self,
        _name: &str,
        derive_trait: DeriveTrait,
    ) -> Option<ImplementsTrait> {
        match derive_trait {
            DeriveTrait::Copy => Some(ImplementsTrait::Yes),
            DeriveTrait::Default => Some(ImplementsTrait::Manually),
            _ => Some(ImplementsTrait::No),
        }
    }
}

/// Makes a path match itself as a regular expression.
fn escape(path: &str) -> String {
    let mut escaped = String::new();
    for character in path.chars() {
        if character.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
