//! Faked sysfs trees.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

/// A tree in a temporary folder, gone when the test ends.
struct Tree(PathBuf);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let tree = Self(std::env::temp_dir().join(format!("coulter-sysfs-{}-{number}", std::process::id())));
        std::fs::create_dir_all(&tree.0).expect("a folder can be made");
        files.iter().for_each(|(path, text)| tree.write(path, text));
        tree
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("files lie in folders")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.0.join(path)).expect("the file was there");
    }

    fn sensors(&self) -> Sensors {
        Sensors::find(Sysfs::new(&self.0))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A clock that stands still until someone sleeps.
#[derive(Default)]
struct Still(Cell<Duration>);

impl Clock for Still {
    fn now(&self) -> Duration {
        self.0.get()
    }

    fn sleep(&self, time: Duration) {
        self.0.set(self.0.get() + time);
    }
}

const CPUFREQ: &str = "devices/system/cpu/cpufreq/policy0";

fn raspberry_pi_4() -> Tree {
    Tree::new(&[
        ("class/thermal/thermal_zone0/type", "cpu-thermal\n"),
        ("class/thermal/thermal_zone0/temp", "61835\n"),
        (&format!("{CPUFREQ}/scaling_cur_freq"), "600000\n"),
        (&format!("{CPUFREQ}/cpuinfo_max_freq"), "1500000\n"),
        ("devices/platform/soc/soc:firmware/get_throttled", "50005\n"),
        ("class/hwmon/hwmon0/name", "cpu_thermal\n"),
        ("class/hwmon/hwmon1/name", "rpi_volt\n"),
        ("firmware/devicetree/base/compatible", "raspberrypi,4-model-b\0brcm,bcm2711\0"),
    ])
}

#[test]
fn a_raspberry_pi_tells_heat_clock_and_flags_but_no_power() {
    let tree = raspberry_pi_4();
    let mut meter = Meter::new(tree.sensors());
    let reading = meter.read(Duration::ZERO);
    assert_eq!((reading.celsius, reading.mhz, reading.watts), (Some(61.835), Some(600.0), None));
    assert_eq!(meter.sensors.most_mhz(), Some(1500.0));
    assert_eq!(reading.throttling, Some(Throttling { under_voltage: true, slowed: true, was: true }));
    assert!(matches!(meter.sensors.power, Power::None(_)));
    meter.read(Duration::from_secs(1));
    assert_eq!(meter.joules(), None);
    assert_eq!(meter.sensors.device_tree().as_deref(), Some(&b"raspberrypi,4-model-b\0brcm,bcm2711\0"[..]));

    tree.write("devices/platform/soc/soc:firmware/get_throttled", "0x0\n");
    assert_eq!(meter.read(Duration::from_secs(2)).throttling, Some(Throttling::default()));
    tree.write("devices/platform/soc/soc:firmware/get_throttled", "20000\n");
    let before = Throttling { was: true, ..Throttling::default() };
    assert_eq!(meter.read(Duration::from_secs(3)).throttling, Some(before));
}

#[test]
fn the_flags_of_a_raspberry_pi_5_lie_elsewhere() {
    let tree = Tree::new(&[
        ("class/thermal/thermal_zone0/type", "cpu-thermal"),
        ("class/thermal/thermal_zone0/temp", "50150"),
        ("devices/platform/soc@107c000000:firmware/get_throttled", "8"),
        ("class/hwmon/hwmon2/name", "pwmfan"),
        ("class/hwmon/hwmon3/name", "rp1_adc"),
        ("class/hwmon/hwmon3/in1_input", "1432"),
    ]);
    let reading = Meter::new(tree.sensors()).read(Duration::ZERO);
    let slowed = Throttling { under_voltage: false, slowed: true, was: true };
    assert_eq!((reading.celsius, reading.throttling, reading.watts), (Some(50.15), Some(slowed), None));
    assert_eq!(reading.mhz, None);
}

#[test]
fn a_jetson_tells_the_power_of_its_input_and_a_zone_that_never_changes_is_left_out() {
    let hwmon = "class/hwmon/hwmon1";
    let tree = Tree::new(&[
        ("class/thermal/thermal_zone0/type", "cpu-thermal"),
        ("class/thermal/thermal_zone0/temp", "48500"),
        ("class/thermal/thermal_zone1/type", "PMIC-Die"),
        ("class/thermal/thermal_zone1/temp", "100000"),
        ("class/thermal/thermal_zone8/type", "tj-thermal"),
        ("class/thermal/thermal_zone8/temp", "51250"),
        ("class/hwmon/hwmon0/name", "pwm_tach"),
        (&format!("{hwmon}/name"), "ina3221"),
        (&format!("{hwmon}/in1_label"), "VDD_CPU_GPU_CV"),
        (&format!("{hwmon}/in1_input"), "5000"),
        (&format!("{hwmon}/curr1_input"), "200"),
        (&format!("{hwmon}/in2_label"), "VDD_IN"),
        (&format!("{hwmon}/in2_input"), "5000"),
        (&format!("{hwmon}/curr2_input"), "1000"),
    ]);
    let mut meter = Meter::new(tree.sensors());
    assert_eq!(meter.sensors.thermometers().collect::<Vec<_>>(), ["cpu-thermal", "tj-thermal"]);
    assert_eq!(meter.sensors.power.name(), "VDD_IN");
    let reading = meter.read(Duration::ZERO);
    assert_eq!((reading.celsius, reading.watts, meter.joules()), (Some(51.25), Some(5.0), Some(0.0)));
    tree.write(&format!("{hwmon}/curr2_input"), "3000");
    meter.read(Duration::from_secs(2));
    assert_eq!(meter.joules(), Some(20.0), "from 5 W to 15 W in 2 s");
}

#[test]
fn the_older_driver_of_jetsons_tells_milliwatts() {
    let device = "bus/i2c/drivers/ina3221x/6-0040/iio:device0";
    let tree = Tree::new(&[
        ("class/thermal/thermal_zone0/type", "AO-therm"),
        ("class/thermal/thermal_zone0/temp", "70000"),
        ("class/thermal/thermal_zone1/type", "CPU-therm"),
        ("class/thermal/thermal_zone1/temp", "35500"),
        (&format!("{device}/rail_name_0"), "POM_5V_IN"),
        (&format!("{device}/in_power0_input"), "2250"),
        (&format!("{device}/rail_name_1"), "POM_5V_GPU"),
        (&format!("{device}/in_power1_input"), "160"),
    ]);
    let reading = Meter::new(tree.sensors()).read(Duration::ZERO);
    assert_eq!((reading.celsius, reading.watts), (Some(35.5), Some(2.25)));
}

fn rapl() -> Tree {
    let zone = "class/powercap/intel-rapl:0";
    Tree::new(&[
        ("class/thermal/thermal_zone0/type", "acpitz"),
        ("class/thermal/thermal_zone0/temp", "27800"),
        ("class/thermal/thermal_zone1/type", "x86_pkg_temp"),
        ("class/thermal/thermal_zone1/temp", "55000"),
        (&format!("{zone}/name"), "package-0"),
        (&format!("{zone}/energy_uj"), "9000000"),
        (&format!("{zone}/max_energy_range_uj"), "10000000"),
        ("class/powercap/intel-rapl:0:0/name", "core"),
        ("class/powercap/intel-rapl:0:0/energy_uj", "1000000"),
        ("class/powercap/intel-rapl:0:0/max_energy_range_uj", "10000000"),
        ("class/powercap/intel-rapl:1/name", "psys"),
        ("class/powercap/intel-rapl:1/energy_uj", "77"),
        ("class/powercap/intel-rapl:1/max_energy_range_uj", "10000000"),
        ("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3"),
    ])
}

#[test]
fn rapl_counts_energy_past_the_end_of_its_range() {
    let tree = rapl();
    let mut meter = Meter::new(tree.sensors());
    let reading = meter.read(Duration::ZERO);
    assert_eq!((reading.celsius, reading.watts, meter.joules()), (Some(55.0), None, Some(0.0)));
    assert_eq!(reading.throttling, Some(Throttling::default()));
    tree.write("class/powercap/intel-rapl:0/energy_uj", "1000000");
    tree.write("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "4");
    let reading = meter.read(Duration::from_millis(500));
    assert_eq!((reading.watts, meter.joules()), (Some(4.0), Some(2.0)));
    assert_eq!(reading.throttling, Some(Throttling { was: true, ..Throttling::default() }));
}

#[test]
fn energy_is_not_told_once_a_reading_failed() {
    let tree = rapl();
    let mut meter = Meter::new(tree.sensors());
    meter.read(Duration::ZERO);
    tree.remove("class/powercap/intel-rapl:0/energy_uj");
    assert_eq!(meter.read(Duration::from_secs(1)).watts, None);
    tree.write("class/powercap/intel-rapl:0/energy_uj", "9500000");
    meter.read(Duration::from_secs(2));
    assert_eq!(meter.joules(), None);
}

#[test]
fn broken_files_are_as_none() {
    let tree = Tree::new(&[
        ("class/thermal/thermal_zone0/type", "cpu-thermal"),
        ("class/thermal/thermal_zone0/temp", "warm"),
        ("class/thermal/thermal_zone1/type", "soc-thermal"),
        ("class/thermal/thermal_zone1/temp", "-274000"),
        ("class/thermal/thermal_zone2/type", "cpu2-thermal"),
        (&format!("{CPUFREQ}/scaling_cur_freq"), "<unknown>"),
        ("devices/platform/soc/soc:firmware/get_throttled", "throttled"),
        ("class/powercap/intel-rapl:0/name", "package-0"),
        ("class/powercap/intel-rapl:0/energy_uj", "nan"),
        ("class/powercap/intel-rapl:0/max_energy_range_uj", ""),
        ("class/hwmon/hwmon0/name", "ina3221"),
        ("class/hwmon/hwmon0/in1_input", "5000"),
    ]);
    let mut meter = Meter::new(tree.sensors());
    assert_eq!(meter.read(Duration::ZERO), Reading::default());
    assert_eq!(meter.read(Duration::ZERO), Reading::default());
    assert!(matches!(meter.sensors.power, Power::None(_)));
}

#[test]
fn nothing_at_all_is_nothing() {
    let tree = Tree::new(&[]);
    let mut meter = Meter::new(tree.sensors());
    assert_eq!((meter.read(Duration::ZERO), meter.hottest()), (Reading::default(), None));
    let gone = Sensors::find(Sysfs::new(tree.0.join("none")));
    assert_eq!((gone.celsius(), gone.device_tree()), (None, None));
}

#[test]
fn x86_without_zones_tells_what_its_driver_does() {
    let tree = Tree::new(&[
        ("class/hwmon/hwmon0/name", "nvme"),
        ("class/hwmon/hwmon0/temp1_input", "80000"),
        ("class/hwmon/hwmon10/name", "k10temp"),
        ("class/hwmon/hwmon10/temp1_input", "44125"),
    ]);
    assert_eq!(tree.sensors().celsius(), Some(44.125));
}

/// Governs for so many seconds, a look each second; tells threads and duty after each.
fn govern(
    governor: &mut Governor,
    clock: &Still,
    seconds: u32,
    celsius: impl Fn() -> Option<f64>,
) -> Vec<(usize, f64)> {
    let second = |_| {
        governor.look(&Reading { celsius: celsius(), ..Reading::default() }, clock.now());
        clock.sleep(Duration::from_secs(1));
        (governor.threads(), governor.duty())
    };
    (0..seconds).map(second).collect()
}

#[test]
fn heat_halves_threads_then_the_rate_and_cold_gives_them_back_later() {
    let clock = Still::default();
    let mut governor = Governor::new(Limits { celsius: Some(70.0), watts: None }, 4);
    assert_eq!(govern(&mut governor, &clock, 3, || Some(69.9)), [(4, 1.0); 3]);
    let hot = govern(&mut governor, &clock, 12, || Some(70.0));
    let steps = [(2, 1.0), (2, 1.0), (1, 1.0), (1, 1.0), (1, 0.5), (1, 0.5), (1, 0.25), (1, 0.25)];
    assert_eq!(hot[..8], steps);
    assert_eq!(hot[8..], [(1, 0.125); 4], "there is a lowest level");
    assert_eq!(governor.pause(Duration::from_millis(10)), Duration::from_millis(70));
    assert_eq!(govern(&mut governor, &clock, 60, || Some(67.0)), [(1, 0.125); 60], "neither hot nor cool");
    let cool = govern(&mut governor, &clock, 50, || Some(66.0));
    assert_eq!((cool[0], cool[9], cool[10], cool[20], cool[49]), ((1, 0.25), (1, 0.25), (1, 0.5), (1, 1.0), (4, 1.0)));
}

#[test]
fn a_limit_whose_sensor_falls_silent_counts_as_passed() {
    let clock = Still::default();
    let mut governor = Governor::new(Limits { celsius: Some(70.0), watts: None }, 2);
    assert_eq!(govern(&mut governor, &clock, 1, || None), [(1, 1.0)]);
    let mut free = Governor::new(Limits::default(), 2);
    assert_eq!(govern(&mut free, &clock, 3, || None), [(2, 1.0); 3]);
}

#[test]
fn either_limit_lowers_and_both_must_be_kept_to_raise() {
    let mut governor = Governor::new(Limits { celsius: Some(70.0), watts: Some(10.0) }, 2);
    let reading = |celsius, watts| Reading { celsius: Some(celsius), watts: Some(watts), ..Reading::default() };
    assert!(governor.look(&reading(40.0, 10.0), Duration::from_secs(1)));
    assert_eq!(governor.threads(), 1);
    assert!(!governor.look(&reading(40.0, 9.0), Duration::from_secs(60)));
    assert!(!governor.look(&reading(69.0, 5.0), Duration::from_secs(61)));
    assert!(governor.look(&reading(60.0, 8.0), Duration::from_secs(62)));
    assert_eq!((governor.threads(), governor.duty()), (2, 1.0));
    assert_eq!(governor.pause(Duration::from_secs(1)), Duration::ZERO);
}
