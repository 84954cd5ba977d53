//! The voices, as `espeak-ng --voices` lists them.

use loader_sdk::contract::speech::{Gender, Voice};

/// The voices that there are: languages, and variants of how any of them sounds.
#[derive(Debug, Default)]
pub(crate) struct Voices {
    languages: Vec<Language>,
    variants: Vec<Variant>,
}

#[derive(Debug)]
struct Language {
    /// What wants to be taken first has the lowest number.
    priority: u32,
    /// What the program is told: with a variant it takes a file, and no other name of a voice.
    file: String,
    voice: Voice,
}

#[derive(Debug)]
struct Variant {
    id: String,
    name: String,
    gender: Gender,
}

/// One line of the program's list.
struct Line<'a> {
    priority: u32,
    language: &'a str,
    gender: Gender,
    name: String,
    file: &'a str,
}

impl Voices {
    /// Reads the two lists of the program.
    pub(crate) fn parse(languages: &str, variants: &str) -> Self {
        let mut voices = Self::default();
        for line in languages.lines().filter_map(parse) {
            let mut id = line.language;
            if voices.language(id).is_some() {
                // A second voice of a language is known by its file.
                id = line.file;
            }
            let voice = Voice {
                id: id.to_owned(),
                name: line.name,
                locale: locale(line.language),
                gender: line.gender,
                ..Voice::default()
            };
            let (priority, file) = (line.priority, line.file.to_owned());
            voices.languages.push(Language { priority, file, voice });
        }
        let variants = variants.lines().filter_map(parse).filter_map(|line| {
            let id = line.file.strip_prefix("!v/")?.to_owned();
            Some(Variant { id, name: line.name, gender: line.gender })
        });
        voices.variants = variants.collect();
        voices
    }

    /// Every language, and the variants of the voice that is taken where nobody says another.
    pub(crate) fn list(&self, usual: &str) -> Vec<Voice> {
        let mut list: Vec<Voice> = self.languages.iter().map(|one| one.voice.clone()).collect();
        let varied = self.language(usual).into_iter().flat_map(|language| {
            self.variants.iter().map(|variant| Voice {
                id: format!("{}+{}", language.voice.id, variant.id),
                name: format!("{}, {}", language.voice.name, variant.name),
                gender: variant.gender,
                tags: vec!["variant".to_owned()],
                ..language.voice.clone()
            })
        });
        list.extend(varied);
        list
    }

    /// What the program is told for the id of a voice, which may be of a language and a variant: `en-gb+f3`.
    pub(crate) fn find(&self, wanted: &str) -> Option<String> {
        let (language, variant) = match wanted.split_once('+') {
            Some((language, variant)) => (language, Some(variant)),
            None => (wanted, None),
        };
        let file = &self.language(language)?.file;
        let Some(variant) = variant else { return Some(file.clone()) };
        let variant = self.variants.iter().find(|one| one.id.eq_ignore_ascii_case(variant))?;
        Some(format!("{file}+{}", variant.id))
    }

    /// What the program is told for a language: the voice it is spoken with, its own,
    /// or else the first of its kin.
    pub(crate) fn of_locale(&self, locale: &str) -> Option<String> {
        let same = |one: &&Language| one.voice.locale.eq_ignore_ascii_case(locale);
        let kind = |locale: &str| locale.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let kin = self.languages.iter().filter(|one| kind(&one.voice.locale) == kind(locale));
        let found = self.languages.iter().find(same).or_else(|| kin.min_by_key(|it| it.priority));
        found.map(|one| one.file.clone())
    }

    fn language(&self, id: &str) -> Option<&Language> {
        self.languages.iter().find(|one| one.voice.id.eq_ignore_ascii_case(id))
    }
}

/// Reads a line; nothing when it is the heading, or has a file that could not be told from what follows it.
fn parse(line: &str) -> Option<Line<'_>> {
    let mut words = line.split_whitespace();
    let priority = words.next()?.parse().ok()?;
    let language = words.next()?;
    let gender = match words.next()?.rsplit_once('/')?.1 {
        "F" => Gender::Female,
        "M" => Gender::Male,
        _ => Gender::Neutral,
    };
    let name = words.next()?.replace('_', " ");
    let file = words.next()?;
    let is_whole = words.next().is_none_or(|next| next.starts_with('('));
    is_whole.then_some(Line { priority, language, gender, name, file })
}

/// A language as it is usually written: `en-gb` is `en-GB`.
fn locale(language: &str) -> String {
    let mut is_private = false;
    let parts = language.split('-').enumerate().map(|(place, part)| {
        is_private |= part == "x";
        let (first, rest) = part.split_at(part.len().min(1));
        match part.len() {
            2 if place > 0 && !is_private => part.to_ascii_uppercase(),
            4 if place > 0 && !is_private => format!("{}{rest}", first.to_ascii_uppercase()),
            _ => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGES: &str = "\
Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  cmn-latn-pinyin --/M      Chinese_(Mandarin,_latin_as_Pinyin) sit/cmn-Latn-pinyin  (zh-cmn 5)(zh 5)
 5  en-029          --/M      English_(Caribbean) gmw/en-029           (en 10)
 2  en-gb           --/F      English_(Great_Britain) gmw/en               (en 2)
 5  en-gb-x-rp      --/M      English_(Received_Pronunciation) gmw/en-GB-x-rp       (en-gb 4)(en 5)
 5  yue             --/-      Chinese_(Cantonese) sit/yue
 5  yue             --/M      Chinese_(Cantonese,_latin_as_Jyutping) sit/yue-Latn-jyutping
";
    const VARIANTS: &str = "\
Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  variant         --/F      Alicia             !v/Alicia
 5  variant         70/M      grandpa            !v/grandpa           (en 5)
 5  variant         --/M      Mr_Serious         !v/Mr serious
";

    #[test]
    fn the_lists_of_the_program_are_voices_with_locale_gender_and_name() {
        let voices = Voices::parse(LANGUAGES, VARIANTS).list("en-gb");
        let told: Vec<_> = voices
            .iter()
            .map(|voice| (&*voice.id, &*voice.locale, voice.gender, &*voice.name))
            .collect();
        let expected = [
            (
                "cmn-latn-pinyin",
                "cmn-Latn-pinyin",
                Gender::Male,
                "Chinese (Mandarin, latin as Pinyin)",
            ),
            ("en-029", "en-029", Gender::Male, "English (Caribbean)"),
            ("en-gb", "en-GB", Gender::Female, "English (Great Britain)"),
            ("en-gb-x-rp", "en-GB-x-rp", Gender::Male, "English (Received Pronunciation)"),
            ("yue", "yue", Gender::Neutral, "Chinese (Cantonese)"),
            (
                "sit/yue-Latn-jyutping",
                "yue",
                Gender::Male,
                "Chinese (Cantonese, latin as Jyutping)",
            ),
            ("en-gb+Alicia", "en-GB", Gender::Female, "English (Great Britain), Alicia"),
            ("en-gb+grandpa", "en-GB", Gender::Male, "English (Great Britain), grandpa"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_voice_is_found_by_its_id_and_a_language_by_its_kin() {
        let voices = Voices::parse(LANGUAGES, VARIANTS);
        let file = |file: &str| Some(file.to_owned());
        assert_eq!(voices.find("EN-gb"), file("gmw/en"));
        assert_eq!(voices.find("en-gb+alicia"), file("gmw/en+Alicia"));
        assert_eq!(voices.find("sit/yue-Latn-jyutping"), file("sit/yue-Latn-jyutping"));
        for unknown in ["", "en", "en-gb+", "en-gb+nobody", "-w", "../../etc/passwd", "+Alicia"] {
            assert_eq!(voices.find(unknown), None, "{unknown}");
        }
        assert_eq!(voices.of_locale("en-GB-x-rp"), file("gmw/en-GB-x-rp"));
        assert_eq!(voices.of_locale("en-NZ"), file("gmw/en"));
        assert_eq!(voices.of_locale("yue"), file("sit/yue"));
        assert_eq!(voices.of_locale("tlh"), None);
    }

    #[test]
    fn what_is_no_list_has_no_voices() {
        for text in
            ["", "\n\n", "5", "5 en", "5 en M name file", "x en --/M name file", " 5 en --/M name"]
        {
            assert!(Voices::parse(text, text).list("en").is_empty(), "{text}");
        }
    }
}
