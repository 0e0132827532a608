//! Keys and signed plans, as a person makes them and a device checks them.

use coulter_update::{HEADER_BYTES, Header, HeaderError};

use crate::cli::{Folder, compiled, coulter, json};

fn bytes_of(hex: &str) -> [u8; 32] {
    core::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hexadecimal digits"))
}

#[test]
fn a_device_accepts_what_was_signed_for_it() {
    let folder = Folder::new("signing");
    let plan = compiled(&folder, "digits_cnn");
    let (key, signed) = (folder.file("fleet.key"), folder.file("digits.slot"));
    let public = bytes_of(json(&folder, &["sign", "key", "-o", &key])["public"].as_str().expect("the public key"));
    let sign = ["sign", "slot", &plan, "--key", &key, "--plan-version", "7", "--product", "thermostat", "-o", &signed];
    assert_eq!(json(&folder, &sign)["version"], 7);

    let signed = std::fs::read(&signed).expect("it was written");
    let (header, rest) = signed.split_first_chunk::<HEADER_BYTES>().expect("a header");
    assert!(rest == std::fs::read(&plan).expect("it was compiled"), "the plan lies behind the header");
    let product = *b"thermostat\0\0\0\0\0\0";
    let accepted = Header::verify(header, &[public], &product).expect("signed with this key");
    assert_eq!(Some(accepted), Header::of(rest, 7, product));
    assert_eq!(Header::verify(header, &[[1; 32]], &product), Err(HeaderError::Key));
    assert_eq!(Header::verify(header, &[public], &[0; 16]), Err(HeaderError::Product));
}

#[test]
fn mistakes_are_told() {
    let folder = Folder::new("signing-mistakes");
    let plan = compiled(&folder, "digits_cnn");
    let (key, signed) = (folder.file("fleet.key"), folder.file("digits.slot"));
    let tells = |arguments: &[&str], status: i32, what: &str| {
        let output = coulter(&folder, arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), told.contains(what)), (Some(status), true), "{arguments:?}: {told}");
    };
    assert!(coulter(&folder, &["sign", "key", "-o", &key]).status.success());
    tells(&["sign", "key", "-o", &key], 1, "is there already");
    let sign = |plan: &str, key: &str, product: &str, status: i32, what: &str| {
        let of = ["sign", "slot", plan, "--key", key, "--plan-version", "1", "--product", product, "-o", &signed];
        tells(&of, status, what);
        assert!(!std::path::Path::new(&signed).exists());
    };
    sign(&plan, &plan, "thermostat", 1, "cannot read the key");
    std::fs::write(folder.file("short.key"), "abc").expect("the folder can be written");
    sign(&plan, &folder.file("short.key"), "thermostat", 1, "64 hexadecimal digits");
    sign(&plan, &key, "a name that is too long", 2, "1 to 16 are possible");
    sign(&key, &key, "thermostat", 1, "is no plan");
    sign(&folder.file("missing"), &key, "thermostat", 1, "cannot read");
}
