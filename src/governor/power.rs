//! Where a board tells its energy or its power.

use crate::sysfs::Sysfs;

/// Where energy comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Power {
    /// Counters of energy, one a package: file with microjoules, and the number after which it begins anew.
    Counters(Vec<(String, f64)>),
    /// A rail with its voltage and current.
    Rail {
        /// Its name.
        name: String,
        /// File with millivolts.
        millivolts: String,
        /// File with milliamperes.
        milliamperes: String,
    },
    /// A rail with its power.
    Watts {
        /// Its name.
        name: String,
        /// File with its power.
        path: String,
        /// Numbers of the file in a watt.
        in_a_watt: f64,
    },
    /// Nowhere, and why.
    None(&'static str),
}

impl Power {
    /// Looks for the best that there is.
    pub(crate) fn find(sysfs: &Sysfs) -> Self {
        let packages = sysfs.entries("class/powercap", "intel-rapl:").into_iter();
        // Deeper zones (two colons) are parts of these.
        let packages = packages.filter(|folder| folder.matches(':').count() == 1);
        let packages: Vec<String> = packages
            .filter(|folder| sysfs.text(&format!("{folder}/name")).is_some_and(|n| n.starts_with("package")))
            .collect();
        let counter = |folder: &String| {
            let path = format!("{folder}/energy_uj");
            sysfs.number(&path)?;
            Some((path, sysfs.number(&format!("{folder}/max_energy_range_uj"))?))
        };
        let counters: Vec<_> = packages.iter().filter_map(counter).collect();
        if !counters.is_empty() && counters.len() == packages.len() {
            return Self::Counters(counters);
        }
        if let Some(rail) = hwmon(sysfs).or_else(|| iio(sysfs)) {
            return rail;
        }
        if packages.iter().any(|folder| sysfs.is_locked(&format!("{folder}/energy_uj"))) {
            return Self::None("the processor counts energy, but root alone may read it (powercap/intel-rapl)");
        }
        Self::None("no power sensor shows in sysfs (powercap, hwmon)")
    }

    /// Watts now, of rails.
    pub(crate) fn watts(&self, sysfs: &Sysfs) -> Option<f64> {
        match self {
            Self::Rail { millivolts, milliamperes, .. } => {
                Some(sysfs.number(millivolts)? * sysfs.number(milliamperes)? / 1e6)
            }
            Self::Watts { path, in_a_watt, .. } => Some(sysfs.number(path)? / in_a_watt),
            Self::Counters(_) | Self::None(_) => None,
        }
    }

    /// What it is, for a person.
    pub fn name(&self) -> &str {
        match self {
            Self::Counters(_) => "RAPL",
            Self::Rail { name, .. } | Self::Watts { name, .. } => name,
            Self::None(why) => why,
        }
    }
}

/// Rails of INA sensors in hwmon.
fn hwmon(sysfs: &Sysfs) -> Option<Power> {
    let is_ina = |folder: &String| sysfs.text(&format!("{folder}/name")).is_some_and(|name| name.starts_with("ina"));
    let mut rails = Vec::new();
    for folder in sysfs.entries("class/hwmon", "hwmon").into_iter().filter(is_ina) {
        for channel in 1..=8 {
            let file = |what: &str| format!("{folder}/{}", what.replace('#', &channel.to_string()));
            let name = sysfs.text(&file("in#_label")).unwrap_or_else(|| format!("channel {channel}"));
            let (volts, amperes, power) = (file("in#_input"), file("curr#_input"), file("power#_input"));
            if sysfs.number(&power).is_some() {
                rails.push((name.clone(), Power::Watts { name, path: power, in_a_watt: 1e6 }));
            } else if sysfs.number(&volts).is_some() && sysfs.number(&amperes).is_some() {
                rails.push((name.clone(), Power::Rail { name, millivolts: volts, milliamperes: amperes }));
            }
        }
    }
    input_of(rails)
}

/// Rails of the older driver for Jetsons.
fn iio(sysfs: &Sysfs) -> Option<Power> {
    let devices = sysfs.entries("bus/i2c/drivers/ina3221x", "");
    let mut rails = Vec::new();
    for folder in devices.iter().flat_map(|device| sysfs.entries(device, "iio:device")) {
        for channel in 0..3 {
            let path = format!("{folder}/in_power{channel}_input");
            if sysfs.number(&path).is_some() {
                let name = sysfs.text(&format!("{folder}/rail_name_{channel}"));
                let name = name.unwrap_or_else(|| format!("channel {channel}"));
                rails.push((name.clone(), Power::Watts { name, path, in_a_watt: 1e3 }));
            }
        }
    }
    input_of(rails)
}

/// The rail through which all of the board's power comes, or the first: adding them up would count some twice.
fn input_of(mut rails: Vec<(String, Power)>) -> Option<Power> {
    let at = rails.iter().position(|(name, _)| name.to_ascii_uppercase().ends_with("_IN")).unwrap_or(0);
    if rails.is_empty() { None } else { Some(rails.swap_remove(at).1) }
}
