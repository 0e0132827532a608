//! What there is to read.

use crate::power::Power;
use crate::sysfs::Sysfs;

/// Degrees that a sensor can tell; others are of one that is broken or not there.
const PLAUSIBLE: std::ops::Range<f64> = -60.0..200.0;

/// Drivers in hwmon that tell a processor's temperature where there are no thermal zones of it.
const HWMON: [&str; 3] = ["coretemp", "k10temp", "zenpower"];

/// A thermometer.
#[derive(Clone, Debug)]
struct Thermometer {
    name: String,
    /// File with thousandths of a degree Celsius.
    path: String,
}

/// Everything of a board that can be read, found once.
#[derive(Clone, Debug)]
pub struct Sensors {
    pub(crate) sysfs: Sysfs,
    thermometers: Vec<Thermometer>,
    /// Folders of cpufreq.
    clocks: Vec<String>,
    /// The Raspberry Pi firmware's flags.
    flags: Option<String>,
    /// Counters of throttling of x86 processors.
    counts: Vec<String>,
    /// Where energy is told.
    pub power: Power,
}

/// Whether the board runs slower than it could.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// The supply's voltage is too low.
    pub under_voltage: bool,
    /// The clock is held down, by heat, voltage or power.
    pub slowed: bool,
    /// One of these has happened since the board started (Raspberry Pi), or since measuring began.
    pub was: bool,
}

impl Throttling {
    /// From the Raspberry Pi firmware's flags: bit 0 voltage, 1 clock capped, 2 throttled, 3 soft temperature limit; the
    /// same 16 bits higher for what has happened.
    pub fn from_flags(flags: u32) -> Self {
        Self { under_voltage: flags & 1 != 0, slowed: flags & 0b1110 != 0, was: flags & 0xF_000F != 0 }
    }
}

impl Sensors {
    /// Looks for what there is.
    pub fn find(sysfs: Sysfs) -> Self {
        Self {
            thermometers: thermometers(&sysfs),
            clocks: sysfs.entries("devices/system/cpu/cpufreq", "policy"),
            flags: flags(&sysfs),
            counts: counts(&sysfs),
            power: Power::find(&sysfs),
            sysfs,
        }
    }

    /// Names of the thermometers that are read.
    pub fn thermometers(&self) -> impl Iterator<Item = &str> {
        self.thermometers.iter().map(|thermometer| thermometer.name.as_str())
    }

    /// The highest temperature of the processor, in degrees Celsius.
    pub fn celsius(&self) -> Option<f64> {
        let of = |thermometer: &Thermometer| self.sysfs.number(&thermometer.path).map(|number| number / 1000.0);
        self.thermometers.iter().filter_map(of).filter(|celsius| PLAUSIBLE.contains(celsius)).reduce(f64::max)
    }

    /// The clock of the fastest core, in MHz.
    pub fn mhz(&self) -> Option<f64> {
        self.greatest_khz("scaling_cur_freq")
    }

    /// The clock that the fastest core could have, in MHz.
    pub fn most_mhz(&self) -> Option<f64> {
        self.greatest_khz("cpuinfo_max_freq")
    }

    fn greatest_khz(&self, file: &str) -> Option<f64> {
        let khz = self.clocks.iter().filter_map(|folder| self.sysfs.number(&format!("{folder}/{file}")));
        khz.filter(|khz| *khz > 0.0).reduce(f64::max).map(|khz| khz / 1000.0)
    }

    /// The firmware's word on throttling.
    pub(crate) fn flags(&self) -> Option<Throttling> {
        let text = self.sysfs.text(self.flags.as_ref()?)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        u32::from_str_radix(digits, 16).ok().map(Throttling::from_flags)
    }

    /// How often x86 cores were throttled; `None` where nobody counts.
    pub(crate) fn throttle_count(&self) -> Option<f64> {
        let counted: Vec<f64> = self.counts.iter().filter_map(|path| self.sysfs.number(path)).collect();
        (!counted.is_empty()).then(|| counted.iter().sum())
    }

    /// The device tree's list of what this board is compatible with, each entry ended by a zero.
    pub fn device_tree(&self) -> Option<Vec<u8>> {
        self.sysfs.bytes("firmware/devicetree/base/compatible")
    }
}

/// Zones of the processor or the chip; where none bears such a name, all but those of power chips and radios; else what
/// drivers in hwmon tell.
fn thermometers(sysfs: &Sysfs) -> Vec<Thermometer> {
    let zones = sysfs.entries("class/thermal", "thermal_zone");
    let zone = |folder: &String| {
        let name = sysfs.text(&format!("{folder}/type"))?;
        Some(Thermometer { name, path: format!("{folder}/temp") })
    };
    let zones: Vec<Thermometer> = zones.iter().filter_map(zone).collect();
    let named = |words: &[&str], thermometer: &Thermometer| {
        let name = thermometer.name.to_ascii_lowercase();
        words.iter().any(|word| name.contains(word))
    };
    let ours: Vec<_> = zones.iter().filter(|zone| named(&["cpu", "pkg", "soc", "tj-"], zone)).cloned().collect();
    if !ours.is_empty() {
        return ours;
    }
    let drivers = sysfs.entries("class/hwmon", "hwmon").into_iter().filter_map(|folder| {
        let name = sysfs.text(&format!("{folder}/name")).filter(|name| HWMON.contains(&name.as_str()))?;
        Some(Thermometer { name, path: format!("{folder}/temp1_input") })
    });
    let drivers: Vec<Thermometer> = drivers.collect();
    if !drivers.is_empty() {
        return drivers;
    }
    // The power chip's zone of a Jetson tells 100 degrees always.
    zones.into_iter().filter(|zone| !named(&["pmic", "wifi", "iwl", "nvme", "battery"], zone)).collect()
}

/// The file with the firmware's flags: its place has the address of the bus in it on some boards.
fn flags(sysfs: &Sysfs) -> Option<String> {
    let platform = sysfs.entries("devices/platform", "soc");
    let inner = platform.iter().flat_map(|folder| sysfs.entries(folder, "soc"));
    let folders = platform.iter().cloned().chain(inner).filter(|folder| folder.ends_with("firmware"));
    folders.map(|folder| format!("{folder}/get_throttled")).find(|path| sysfs.text(path).is_some())
}

fn counts(sysfs: &Sysfs) -> Vec<String> {
    let cores = sysfs.entries("devices/system/cpu", "cpu");
    let paths = cores.iter().map(|core| format!("{core}/thermal_throttle/core_throttle_count"));
    paths.filter(|path| sysfs.number(path).is_some()).collect()
}
