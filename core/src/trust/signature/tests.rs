//! The decision table, with signatures that `minisign` 0.11 made. Its own runs, where it is
//! installed, are in the end-to-end tests.

use super::*;
use std::path::Path;

const RELEASE: &str = "\
release = 1
id = \"hello\"
version = \"1.0.0\"
serial = 7

[files]
\"plugin.toml\" = \"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\"
";
const ACME: &str = "RWQHYWVGFXJ72+Pnw1jF7tqbBPQdNuf9lEP/tyaQqCQUJKrHPkS46KHD";
const ACME_ID: &str = "DB7B721546656107";
const OTHER: &str = "RWRoSEJKc22Z/txvQOdIhrCIKE4djZEZ3KzQ2L+YGhYNHP8N5NKbw3Aj";
const BY_ACME: &str = "\
untrusted comment: signature from minisign secret key
RUQHYWVGFXJ72x4aaIsg55B1YO0noILmDHqgTpkzPCh5mS686lpAm2ZfXYj+DjQy3qnE5FuHlVz8CjSAtd6KuJPSDeZ05xDpWwY=
trusted comment: hello 1.0.0 serial 7
U8FmAzALg37+/2Fr8i7/DdrhbHULbwRC+dZ58mJyijDikNNxfKzjin5LsASdS89GvWXh4t9hN9u64BdHEu1UAg==
";
const BY_OTHER: &str = "\
untrusted comment: signature from minisign secret key
RURoSEJKc22Z/m9uLWdNZGWsWFPfNral6iHus87mhOexVzhSBLzV3QgJNSPM0HDk+k84aHqz9zIDuAPoJHKsdkOdaAmbOfVPrAA=
trusted comment: timestamp:1795279549\tfile:release.toml\thashed
W4TpvhXp1Soc5AlcKWmdITjwqepvM1WLTxUTu/NuXy7N9JTvPLBAjVgvcCnFLM8pjuEJCtAPN8fqDL//5G42CQ==
";
const OLD_FORM: &str = "\
untrusted comment: signature from minisign secret key
RWQHYWVGFXJ722AXW+O0ZUw/COke7yE7QnxQaSuMr6kiMH5NkJTpligGUD5w6Qh+q9ZvPDBL4Mmx2FwVKwDPHoLDb6/328T+jwY=
trusted comment: timestamp:1795279549\tfile:release.toml
7Zp+BAQKoE7tDIW1/NP1orIthdzFCjTS5CE5ElaMtUdo2UIgC1RRVeciyfUwn5uhoN+wXVMVj4AB8S3I6xFTDg==
";

fn publisher(keys: &[&str], plugins: &[&str], signatures: Signatures) -> Publisher {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Publisher { keys: owned(keys), plugins: owned(plugins), signatures }
}

fn trust(signatures: Signatures, publishers: &[(&str, Publisher)]) -> Trust {
    let publishers = publishers.iter().map(|(name, one)| ((*name).to_owned(), one.clone()));
    Trust { signatures, publishers: publishers.collect(), ..Trust::default() }
}

/// `signed by`, `warning CODE`, `nothing`, or the code of the refusal.
fn verdict(trust: &Trust, origin: Origin, text: &str, signature: Option<&str>) -> String {
    let parsed = Release::parse(Path::new("release.toml"), RELEASE);
    let release = parsed.release.expect("a release");
    let signature = signature.map(str::as_bytes);
    let claim = Claim { release: &release, text: text.as_bytes(), signature };
    match judge(trust, origin, "hello", Some(claim)) {
        Err(refusal) => {
            assert!(refusal.hint.is_some() && refusal.plugin.as_deref() == Some("hello"));
            refusal.code.to_owned()
        }
        Ok(Judgement { signed_by: Some(by), warning: None }) => {
            format!("{} {}", by.publisher, by.key_id)
        }
        Ok(Judgement { signed_by: None, warning: Some(warning) }) => {
            assert!(!warning.is_error());
            format!("warning {}", warning.code)
        }
        Ok(other) => {
            assert_eq!(other, Judgement::default());
            "nothing".to_owned()
        }
    }
}

#[test]
fn a_signature_counts_when_its_key_and_the_id_are_the_publishers() {
    use Signatures::{Optional, Required};
    let acme = |keys: &[&str], plugins: &[&str]| [("acme", publisher(keys, plugins, Optional))];
    let by_acme = format!("acme {ACME_ID}");
    for required in [Optional, Required] {
        let of = |publishers: &[(&str, Publisher)], text: &str, signature| {
            verdict(&trust(required, publishers), Origin::User, text, Some(signature))
        };
        assert_eq!(of(&acme(&[ACME], &[]), RELEASE, BY_ACME), by_acme);
        assert_eq!(of(&acme(&[ACME], &["hel*"]), RELEASE, BY_ACME), by_acme);
        // While one key replaces the other, either will do.
        assert_eq!(of(&acme(&[OTHER, ACME], &[]), RELEASE, BY_ACME), by_acme);
        assert_eq!(of(&acme(&[ACME, OTHER], &[]), RELEASE, BY_OTHER), "acme FE996D734A424868");
        assert_eq!(of(&acme(&[ACME], &["acme-*"]), RELEASE, BY_ACME), "LDR-SIGN-SCOPE");
        assert_eq!(
            of(&acme(&[ACME], &[]), &RELEASE.replace('7', "8"), BY_ACME),
            "LDR-SIGN-INVALID"
        );
        assert_eq!(of(&acme(&[ACME], &[]), RELEASE, OLD_FORM), "LDR-SIGN-LEGACY");
        assert_eq!(of(&acme(&[ACME], &[]), RELEASE, "nothing of the kind"), "LDR-SIGN-FORMAT");
        assert_eq!(of(&acme(&["RWQ"], &[]), RELEASE, BY_ACME), "LDR-SIGN-KEY");
        let comment = BY_ACME.replace("serial 7", "serial 8");
        assert_eq!(of(&acme(&[ACME], &[]), RELEASE, &comment), "LDR-SIGN-INVALID");
        // Of two publishers with one key, the one who may sign is taken.
        let both = [acme(&[ACME], &["x"]), [("b", publisher(&[ACME], &[], Optional))]].concat();
        assert_eq!(of(&both, RELEASE, BY_ACME), format!("b {ACME_ID}"));
    }
}

#[test]
fn who_must_be_signed_and_is_not_is_refused() {
    use Signatures::{Optional, Required};
    let unknown = |trust: &Trust, origin| verdict(trust, origin, RELEASE, Some(BY_OTHER));
    let unsigned = |trust: &Trust, origin| verdict(trust, origin, RELEASE, None);
    let lenient = trust(Optional, &[("acme", publisher(&[ACME], &["hello"], Optional))]);
    let strict = trust(Required, &[("acme", publisher(&[ACME], &[], Optional))]);
    let by_publisher = trust(Optional, &[("acme", publisher(&[ACME], &["hel*"], Required))]);
    let of_others = trust(Optional, &[("acme", publisher(&[ACME], &["acme-*"], Required))]);
    for trust in [&lenient, &of_others] {
        assert_eq!(unsigned(trust, Origin::User), "nothing");
        assert_eq!(unknown(trust, Origin::User), "warning LDR-SIGN-UNKNOWN");
    }
    for trust in [&strict, &by_publisher] {
        for origin in [Origin::Config, Origin::Workspace, Origin::User] {
            assert_eq!(unsigned(trust, origin), "LDR-SIGN-MISSING");
            assert_eq!(unknown(trust, origin), "LDR-SIGN-UNKNOWN");
        }
        // What came with the program needs nobody's signature, but a false one is none.
        assert_eq!(unsigned(trust, Origin::Bundled), "nothing");
        assert_eq!(unknown(trust, Origin::Bundled), "warning LDR-SIGN-UNKNOWN");
        let changed = RELEASE.replace('7', "8");
        let forged = verdict(trust, Origin::Bundled, &changed, Some(BY_ACME));
        assert_eq!(forged, "LDR-SIGN-INVALID");
    }
    // Without a release file there is nothing to be signed.
    let refusal = judge(&strict, Origin::User, "hello", None).expect_err("refused");
    assert_eq!(refusal.code, "LDR-SIGN-MISSING");
    assert_eq!(judge(&lenient, Origin::User, "hello", None), Ok(Judgement::default()));
}

#[test]
fn the_release_of_another_plugin_is_refused() {
    let parsed = Release::parse(Path::new("release.toml"), RELEASE);
    let release = parsed.release.expect("a release");
    let signature = Some(BY_ACME.as_bytes());
    let claim = Claim { release: &release, text: RELEASE.as_bytes(), signature };
    let refusal =
        judge(&Trust::default(), Origin::User, "hallo", Some(claim)).expect_err("refused");
    assert_eq!(refusal.code, "LDR-RELEASE-ID");
}

#[test]
fn no_flipped_bit_of_text_or_signature_passes() {
    let trusted =
        trust(Signatures::Required, &[("acme", publisher(&[ACME], &[], Signatures::Optional))]);
    let parsed = Release::parse(Path::new("release.toml"), RELEASE);
    let release = parsed.release.expect("a release");
    let passes = |text: &[u8], signature: &[u8]| {
        let claim = Claim { release: &release, text, signature: Some(signature) };
        judge(&trusted, Origin::User, "hello", Some(claim)).is_ok()
    };
    assert!(passes(RELEASE.as_bytes(), BY_ACME.as_bytes()));
    let flipped = |text: &str, bit: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    for bit in (0..RELEASE.len() * 8).step_by(7) {
        assert!(!passes(&flipped(RELEASE, bit), BY_ACME.as_bytes()), "bit {bit} of the release");
    }
    // The first line is a remark that nobody signs; what follows is covered.
    let signed = BY_ACME.find('\n').expect("a line") + 1;
    for bit in (signed * 8..(BY_ACME.len() - 1) * 8).step_by(7) {
        let same_line_ends = flipped(BY_ACME, bit);
        assert!(!passes(RELEASE.as_bytes(), &same_line_ends), "bit {bit} of the signature");
    }
}

#[test]
fn the_id_of_a_key_is_shown_as_minisign_shows_it() {
    let line = |id: [u8; 8]| BASE64_STANDARD.encode([&b"Ed"[..], &id, &[0; 32]].concat());
    assert_eq!(key_id(ACME).as_deref(), Some(ACME_ID));
    assert_eq!(
        key_id(&line([0xef, 0xcd, 0xab, 0, 0, 0, 0, 1])).as_deref(),
        Some("100000000ABCDEF")
    );
    assert_eq!(key_id("RWQ"), None);
}
