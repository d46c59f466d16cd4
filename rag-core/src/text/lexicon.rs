//! The words that `alike` knows: sorted tables, and pairs that mean the opposite of each other.

/// Words that turn a question around.
#[rustfmt::skip]
pub(super) const NEGATIONS: &[&str] = &[
    "barely", "except", "fail", "failed", "fails", "false", "hardly", "instead", "lack", "lacking",
    "lacks", "neither", "never", "no", "nobody", "non", "none", "nor", "not", "nothing", "nowhere",
    "rarely", "scarcely", "seldom", "unless", "without",
];

/// Question words, by what they ask for.
#[rustfmt::skip]
pub(super) const QUESTIONS: &[(&str, &str)] = &[
    ("how", "how"), ("what", "what"), ("when", "when"), ("where", "where"), ("which", "what"),
    ("who", "who"), ("whom", "who"), ("whose", "whose"), ("why", "why"),
];

/// Auxiliaries, by time and mood: their place in a question says nothing.
#[rustfmt::skip]
pub(super) const AUXILIARIES: &[(&str, &str)] = &[
    ("am", "be"), ("are", "be"), ("can", "can"), ("could", "could"), ("did", "did"), ("do", "do"),
    ("does", "do"), ("is", "be"), ("may", "may"), ("might", "might"), ("must", "must"),
    ("ought", "should"), ("shall", "will"), ("should", "should"), ("was", "was"), ("were", "was"),
    ("will", "will"), ("would", "would"),
];

/// Contractions, and what they stand for.
#[rustfmt::skip]
pub(super) const CONTRACTIONS: &[(&str, &str)] = &[
    ("can't", "can not"), ("cannot", "can not"), ("cant", "can not"), ("didnt", "did not"),
    ("doesnt", "does not"), ("dont", "do not"), ("he'll", "he will"), ("he's", "he is"),
    ("here's", "here is"), ("how's", "how is"), ("i'd", "i would"), ("i'll", "i will"), ("i'm", "i am"),
    ("i've", "i have"), ("isnt", "is not"), ("it'll", "it will"), ("it's", "it is"), ("let's", "let us"),
    ("shan't", "shall not"), ("she'll", "she will"), ("she's", "she is"), ("that'll", "that will"),
    ("that's", "that is"), ("there's", "there is"), ("they'd", "they would"), ("they'll", "they will"),
    ("they're", "they are"), ("they've", "they have"), ("this's", "this is"), ("we'd", "we would"),
    ("we'll", "we will"), ("we're", "we are"), ("we've", "we have"), ("what're", "what are"),
    ("what's", "what is"), ("whats", "what is"), ("when's", "when is"), ("where's", "where is"),
    ("which's", "which is"), ("who's", "who is"), ("why's", "why is"), ("won't", "will not"),
    ("wont", "will not"), ("you'd", "you would"), ("you'll", "you will"), ("you're", "you are"),
    ("you've", "you have"),
];

/// Number words, and how they are written in digits.
#[rustfmt::skip]
pub(super) const NUMBERS: &[(&str, &str)] = &[
    ("billion", "1000000000"), ("eight", "8"), ("eighteen", "18"), ("eighth", "8th"), ("eighty", "80"),
    ("eleven", "11"), ("fifteen", "15"), ("fifth", "5th"), ("fifty", "50"), ("first", "1st"),
    ("five", "5"), ("forty", "40"), ("four", "4"), ("fourteen", "14"), ("fourth", "4th"),
    ("hundred", "100"), ("million", "1000000"), ("nine", "9"), ("nineteen", "19"), ("ninety", "90"),
    ("ninth", "9th"), ("one", "1"), ("second", "2nd"), ("seven", "7"), ("seventeen", "17"),
    ("seventh", "7th"), ("seventy", "70"), ("six", "6"), ("sixteen", "16"), ("sixth", "6th"),
    ("sixty", "60"), ("ten", "10"), ("tenth", "10th"), ("third", "3rd"), ("thirteen", "13"),
    ("thirty", "30"), ("thousand", "1000"), ("three", "3"), ("twelve", "12"), ("twenty", "20"),
    ("two", "2"), ("zero", "0"),
];

/// Units that may stand right behind a number, in lower case.
#[rustfmt::skip]
pub(super) const UNITS: &[&str] = &[
    "bar", "byte", "cal", "cent", "cm", "day", "degree", "dl", "dollar", "eur", "euro", "foot", "ft", "g",
    "gb", "gbp", "ghz", "gib", "gigabyte", "gram", "h", "hour", "hr", "hrs", "hz", "inch", "j", "k", "kb",
    "kcal", "kg", "khz", "kib", "kilobyte", "kilogram", "kilometer", "kj", "km", "kpa", "kv", "kw", "kwh",
    "l", "lb", "lbs", "liter", "litre", "m", "mb", "mcg", "megabyte", "meter", "metre", "mg", "mhz", "mi",
    "mib", "mile", "min", "minute", "ml", "mm", "mmol", "mol", "month", "ms", "mv", "mw", "ng", "nm",
    "nmol", "ns", "oz", "pa", "percent", "pound", "psi", "pt", "px", "s", "sec", "second", "tb", "ug",
    "ul", "um", "usd", "v", "w", "week", "x", "yd", "year", "°c", "°f", "µg", "µl", "µm", "µs",
];

/// Prefixes that turn a word into its opposite.
#[rustfmt::skip]
pub(super) const PREFIXES: &[&str] = &[
    "a", "ab", "ant", "anti", "contra", "counter", "de", "dis", "down", "hypo", "il", "im", "in", "inter",
    "intra", "ir", "mis", "non", "out", "over", "post", "pre", "re", "semi", "sub", "super", "un", "under",
    "up",
];

/// Whoever it may be that asks how.
#[rustfmt::skip]
pub(super) const PRONOUNS: &[&str] = &[
    "i", "one", "we", "you",
];

/// Words that end like a plural and are none, or mean something else without the ending.
#[rustfmt::skip]
pub(super) const WHOLE_PLURALS: &[&str] = &[
    "aids", "alias", "always", "analytics", "arms", "athletics", "atlas", "aws", "besides", "bias",
    "canvas", "cos", "css", "customs", "diabetes", "dns", "does", "economics", "electronics", "ethics",
    "gas", "genetics", "glasses", "goods", "graphics", "has", "herpes", "hers", "his", "http", "https",
    "ios", "its", "jenkins", "js", "keras", "kubernetes", "lens", "less", "linguistics", "macos",
    "mathematics", "means", "measles", "mechanics", "mumps", "news", "ours", "pandas", "pants", "perhaps",
    "physics", "politics", "postgres", "rabies", "redis", "series", "sometimes", "species", "statistics",
    "theirs", "this", "towards", "was", "windows", "yes", "yours",
];

/// Words that are a name in capitals and another word without.
#[rustfmt::skip]
pub(super) const WORDS_IN_CAPITALS: &[&str] = &[
    "aids", "all", "am", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "for", "go",
    "had", "has", "he", "her", "his", "if", "in", "is", "it", "let", "may", "me", "mine", "must", "no",
    "not", "now", "of", "off", "on", "one", "or", "our", "she", "so", "than", "that", "the", "this", "to",
    "up", "us", "was", "what", "who", "will", "you",
];

/// Words that mean the same whatever stands around them, and other spellings, without the s of a plural.
#[rustfmt::skip]
pub(super) const SYNONYMS: &[(&str, &str)] = &[
    ("aluminum", "aluminium"), ("analyze", "analyse"), ("anemia", "anaemia"), ("approximately", "approx"),
    ("assist", "help"), ("attorney", "lawyer"), ("automobile", "car"), ("begin", "start"),
    ("behavior", "behaviour"), ("catalog", "catalogue"), ("center", "centre"), ("child", "kid"),
    ("children", "kid"), ("color", "colour"), ("dialog", "dialogue"), ("disease", "illness"),
    ("display", "show"), ("estrogen", "oestrogen"), ("fast", "quick"), ("favorite", "favourite"),
    ("fiber", "fibre"), ("foot", "feet"), ("get", "obtain"), ("gray", "grey"), ("ha", "have"),
    ("has", "have"), ("hemoglobin", "haemoglobin"), ("inexpensive", "cheap"), ("labor", "labour"),
    ("large", "big"), ("leukemia", "leukaemia"), ("license", "licence"), ("liter", "litre"),
    ("man", "men"), ("meter", "metre"), ("method", "way"), ("mouse", "mice"), ("movie", "film"),
    ("movies", "film"), ("neighbor", "neighbour"), ("optimization", "optimisation"),
    ("optimize", "optimise"), ("organization", "organisation"), ("organize", "organise"),
    ("pediatric", "paediatric"), ("permit", "allow"), ("person", "people"), ("physician", "doctor"),
    ("picture", "photo"), ("program", "programme"), ("purchase", "buy"), ("recognize", "recognise"),
    ("remove", "delete"), ("require", "need"), ("tooth", "teeth"), ("tumor", "tumour"),
    ("tv", "television"), ("u.s", "usa"), ("u.s.a", "usa"), ("utilise", "use"), ("utilize", "use"),
    ("vs", "versus"), ("vs.", "versus"), ("which", "what"), ("whom", "who"), ("woman", "women"),
];

/// Phrases of politeness in front of a question.
#[rustfmt::skip]
pub(super) const FILLERS: &[&str] = &[
    "can you please tell me", "could you please tell me", "would you please tell me",
    "can you tell me please", "could you tell me please", "can you tell me", "could you tell me",
    "would you tell me", "please tell me", "tell me please", "tell me", "do you know", "does anyone know",
    "do you happen to know", "i want to know", "i would like to know", "i was wondering", "i wonder",
    "just curious", "quick question", "please", "hi there", "hi", "hello", "hey",
];

/// Pairs of opposites, each once, in either order.
#[rustfmt::skip]
pub(super) const OPPOSITES: &[(&str, &str)] = &[
    ("above", "below"), ("accept", "refuse"), ("accept", "reject"), ("activate", "deactivate"),
    ("activate", "inhibit"), ("activate", "suppress"), ("activation", "inhibition"),
    ("activator", "inhibitor"), ("acute", "chronic"), ("add", "remove"), ("add", "subtract"),
    ("advantage", "disadvantage"), ("advantage", "drawback"), ("agonist", "antagonist"),
    ("agree", "disagree"), ("ahead", "behind"), ("alive", "dead"), ("all", "none"), ("all", "some"),
    ("allow", "deny"), ("allow", "forbid"), ("allow", "prevent"), ("ally", "enemy"), ("always", "never"),
    ("ancestor", "descendant"), ("and", "or"), ("anterior", "posterior"), ("appear", "disappear"),
    ("arrival", "departure"), ("arrive", "depart"), ("asc", "desc"), ("ascending", "descending"),
    ("asset", "liability"), ("attach", "detach"), ("attack", "defend"), ("before", "after"),
    ("begin", "end"), ("beneficial", "harmful"), ("benefit", "harm"), ("benign", "malignant"),
    ("best", "worst"), ("better", "worse"), ("big", "little"), ("big", "small"), ("birth", "death"),
    ("born", "died"), ("build", "destroy"), ("buy", "sell"), ("can", "cannot"), ("cause", "cure"),
    ("cause", "effect"), ("cause", "prevent"), ("cheap", "expensive"), ("cheaper", "expensive"),
    ("client", "server"), ("compress", "decompress"), ("connect", "disconnect"), ("create", "delete"),
    ("create", "destroy"), ("day", "night"), ("debit", "credit"), ("deep", "shallow"),
    ("difficult", "easy"), ("dominant", "recessive"), ("earlier", "later"), ("early", "late"),
    ("east", "west"), ("employer", "employee"), ("enable", "disable"), ("enabled", "disabled"),
    ("encode", "decode"), ("encrypt", "decrypt"), ("enhance", "impair"), ("enhance", "inhibit"),
    ("enhance", "reduce"), ("enter", "exit"), ("enter", "leave"), ("ever", "never"),
    ("everyone", "nobody"), ("everything", "nothing"), ("expand", "collapse"), ("fast", "slow"),
    ("faster", "slower"), ("fastest", "slowest"), ("first", "last"), ("forward", "backward"),
    ("forwards", "backwards"), ("from", "to"), ("front", "back"), ("full", "empty"), ("gain", "lose"),
    ("gain", "loss"), ("good", "bad"), ("greater", "less"), ("greater", "smaller"), ("grow", "shrink"),
    ("hard", "easy"), ("hard", "soft"), ("heavy", "light"), ("high", "low"), ("higher", "lower"),
    ("highest", "lowest"), ("hire", "fire"), ("horizontal", "vertical"), ("host", "guest"),
    ("hot", "cold"), ("hot", "cool"), ("husband", "wife"), ("hyperglycemia", "hypoglycemia"),
    ("hypertension", "hypotension"), ("hyperthyroidism", "hypothyroidism"), ("import", "export"),
    ("improve", "impair"), ("improve", "worsen"), ("in", "out"), ("include", "exclude"),
    ("including", "excluding"), ("income", "expense"), ("increase", "decrease"), ("increase", "diminish"),
    ("increase", "lower"), ("increase", "reduce"), ("induce", "inhibit"), ("induce", "prevent"),
    ("induce", "repress"), ("induce", "suppress"), ("inner", "outer"), ("input", "output"),
    ("insert", "delete"), ("inside", "outside"), ("install", "uninstall"), ("internal", "external"),
    ("into", "from"), ("large", "small"), ("larger", "smaller"), ("largest", "smallest"),
    ("left", "right"), ("legal", "illegal"), ("lend", "borrow"), ("life", "death"), ("like", "dislike"),
    ("local", "global"), ("local", "remote"), ("lock", "unlock"), ("login", "logout"), ("long", "short"),
    ("longer", "shorter"), ("longest", "shortest"), ("love", "hate"), ("major", "minor"),
    ("majority", "minority"), ("male", "female"), ("man", "woman"), ("many", "few"), ("max", "min"),
    ("maximise", "minimise"), ("maximize", "minimize"), ("maximum", "least"), ("maximum", "minimum"),
    ("more", "fewer"), ("more", "less"), ("most", "least"), ("mother", "father"), ("mount", "unmount"),
    ("mutable", "immutable"), ("near", "far"), ("north", "south"), ("odd", "even"), ("old", "new"),
    ("old", "young"), ("older", "newer"), ("older", "younger"), ("oldest", "newest"),
    ("oldest", "youngest"), ("on", "off"), ("open", "close"), ("open", "closed"), ("over", "under"),
    ("overestimate", "underestimate"), ("overexpression", "depletion"), ("overexpression", "knockdown"),
    ("parallel", "serial"), ("parent", "child"), ("pass", "fail"), ("permit", "forbid"),
    ("positive", "negative"), ("presence", "absence"), ("present", "absent"), ("pro", "con"),
    ("profit", "loss"), ("promote", "inhibit"), ("promote", "prevent"), ("promote", "suppress"),
    ("public", "private"), ("push", "pop"), ("question", "answer"), ("quick", "slow"), ("raise", "lower"),
    ("raise", "reduce"), ("read", "write"), ("remember", "forget"), ("rich", "poor"), ("rise", "fall"),
    ("row", "column"), ("rural", "urban"), ("safe", "dangerous"), ("safe", "unsafe"),
    ("same", "different"), ("send", "receive"), ("sender", "receiver"), ("sensitive", "insensitive"),
    ("sensitive", "resistant"), ("sensitivity", "resistance"), ("serial", "parallel"), ("show", "hide"),
    ("signed", "unsigned"), ("similar", "different"), ("soluble", "insoluble"), ("source", "destination"),
    ("source", "target"), ("start", "end"), ("start", "stop"), ("stimulate", "inhibit"),
    ("strengthen", "weaken"), ("strong", "weak"), ("succeed", "fail"), ("success", "failure"),
    ("summer", "winter"), ("superset", "subset"), ("supply", "demand"), ("susceptible", "resistant"),
    ("sync", "async"), ("synchronous", "asynchronous"), ("teacher", "student"), ("thick", "thin"),
    ("tight", "loose"), ("to", "from"), ("top", "bottom"), ("true", "false"), ("up", "down"),
    ("upload", "download"), ("upper", "lower"), ("upregulate", "downregulate"),
    ("upregulated", "downregulated"), ("upregulation", "downregulation"), ("upstream", "downstream"),
    ("visible", "hidden"), ("warm", "cool"), ("wet", "dry"), ("wide", "narrow"), ("win", "defeat"),
    ("win", "lose"), ("win", "loss"), ("with", "without"), ("zip", "unzip"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_are_searched_are_sorted() {
        for table in [
            NEGATIONS,
            UNITS,
            PREFIXES,
            PRONOUNS,
            WHOLE_PLURALS,
            WORDS_IN_CAPITALS,
        ] {
            assert!(table.windows(2).all(|w| w[0] < w[1]));
        }
        for table in [QUESTIONS, AUXILIARIES, CONTRACTIONS, NUMBERS, SYNONYMS] {
            assert!(table.windows(2).all(|w| w[0].0 < w[1].0));
        }
    }
}
