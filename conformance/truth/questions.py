"""Slow truth for what tells questions apart: pairs that were labelled by hand.

Standard library only. Run from anywhere: it writes ../question_difference.json beside this folder.
Each pair was read and labelled before anything compared it. Where several things differ, the label is
the first of polarity, numbers, entities, question, order, words. Pairs that ask the same and that a
machine cannot be sure of (other words for the same thing) are labelled as different: the
operation promises to be safe, not to find all. Differences go both ways, and no text differs
from itself; both are added here.
"""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent

# the same, whoever reads them
SAME = [
    ("What is the capital of France?", "what is the capital of france"),
    ("What's the capital of France?", "Please tell me what the capital of France is."),
    ("What is the capital of France?", "Can you tell me what the capital of France is?"),
    ("whats the capital of france", "What is the capital of France?"),
    ("How do I sort a list in Python?", "how to sort a list in python"),
    ("How can I sort lists in Python?", "How do you sort a list in Python?"),
    ("How would one sort a list in Python?", "How to sort the list in Python"),
    ("Is aspirin safe in pregnancy?", "is aspirin safe in pregnancy"),
    ("Isn't aspirin safe?", "Is not aspirin safe?"),
    ("Why doesn't the engine start?", "why does not the engine start?"),
    ("I can't log in, what now?", "I cannot log in what now"),
    ("What is the side effect of ibuprofen?", "What are the side effects of ibuprofen?"),
    ("Which city is the largest?", "What city is the largest?"),
    ("To whom does the house belong?", "to who does the house belong"),
    ("What does 3 mg of warfarin do?", "What does 3mg of warfarin do?"),
    ("Does a 50% dose help?", "Does a 50 percent dose help?"),
    ("Who won three medals?", "Who won 3 medals?"),
    ("How many of the 1,000 users left?", "How many of the 1000 users left?"),
    ("Who was the first president?", "who was the 1st president"),
    ("What colour is the sky?", "what color is the sky"),
    ("What is the behaviour of the tumour?", "What is the behavior of the tumor?"),
    ("Where can I buy a car?", "where can i purchase an automobile"),
    ("How do I delete a file?", "How do I remove a file?"),
    ("What is France's capital?", "what is france's capital"),
    ("Hello, what is a mutex?", "what is a mutex?"),
    ("Please, what is a mutex?", "What is a mutex, please?"),
    ("I would like to know what a mutex is", "what a mutex is"),
    ("Do you know what a mutex is?", "what a mutex is"),
    ("What is a mutex? Thanks", "what is a mutex"),
    ("What is \"dynamic typing\"?", "What is \"dynamic typing\""),
    ("Which drug is faster, aspirin or ibuprofen?", "which drug is faster: aspirin or ibuprofen?"),
    ("WHAT IS THE CAPITAL OF FRANCE?", "what is the capital of france?"),
    ("what is a follow-up appointment", "What is a follow up appointment?"),
    ("Does the company need a lawyer?", "does the company require an attorney?"),
    ("What films did Kubrick make?", "what movies did Kubrick make"),
    ("How do I get the key of a dictionary?", "How do I obtain the keys of a dictionary?"),
    ("Is there a method to do this", "is there a way to do this"),
    ("Do children sleep longer?", "do kids sleep longer?"),
    ("Does the email have an attachment?", "does the email have the attachment?"),
    ("What is C++?", "what is c++?"),
    ("How does f() work?", "how does f() work"),
    ("What\u2019s the weather in Paris?", "what's the weather in Paris"),
    ("Who\u2019s the author of \u201cDune\u201d?", "who is the author of \"Dune\""),
    ("wie hoch ist der Eiffelturm", "Wie hoch ist der Eiffelturm?"),
    ("\u6771\u4eac\u306e\u4eba\u53e3\u306f", "\u6771\u4eac\u306e\u4eba\u53e3\u306f"),
    ("What is the boiling point of water (at sea level)?", "what is the boiling point of water at sea level"),
    ("What is R&D?", "what is R&D"),
    ("Are dogs bigger than cats?", "are dogs bigger than cats"),
    ("When does the store open on day 3?", "when does the store open on day three"),
    ("Is it 'safe'?", "is it 'safe'"),
    ("How do you undo a git commit?", "how to undo a git commit"),
    ("hi what is ragtime", "What is ragtime?"),
    ("What are the men doing?", "what is the man doing"),
    ("Do I need a visa?", "Do I require visas?"),
    ("I'm tired, why?", "I am tired, why?"),
    ("They've left; why?", "they have left why"),
]

# yes and no, more and less, before and after
POLARITY = [
    ("Does it work with sugar?", "Does it work without sugar?"),
    ("Is aspirin safe?", "Is aspirin not safe?"),
    ("Is aspirin safe?", "Is aspirin unsafe?"),
    ("Does coffee increase blood pressure?", "Does coffee decrease blood pressure?"),
    ("Does coffee raise blood pressure?", "Does coffee lower blood pressure?"),
    ("What is the best laptop?", "What is the worst laptop?"),
    ("What is the maximum dose?", "What is the minimum dose?"),
    ("How do I enable logging?", "How do I disable logging?"),
    ("What happens before surgery?", "What happens after surgery?"),
    ("Sort ascending in SQL", "Sort descending in SQL"),
    ("Which drugs can I take?", "Which drugs can't I take?"),
    ("Should I take aspirin?", "Should I never take aspirin?"),
    ("How to encrypt a file", "how to decrypt a file"),
    ("How do I mount a disk?", "How do I unmount a disk?"),
    ("How do I push a commit?", "how do i pop a commit"),
    ("What are the advantages of solar power?", "What are the disadvantages of solar power?"),
    ("Is the function synchronous?", "Is the function asynchronous?"),
    ("Does the gene activate growth?", "Does the gene inhibit growth?"),
    ("Is the treatment effective?", "Is the treatment ineffective?"),
    ("Is it legal to fish here?", "Is it illegal to fish here?"),
    ("Who likes cilantro?", "Who dislikes cilantro?"),
    ("Does everyone agree?", "Does nobody agree?"),
    ("Are there any survivors?", "Are there no survivors?"),
    ("How can I lose weight?", "How can I gain weight?"),
    ("Can I import data?", "Can I export data?"),
    ("Does smoking cause cancer?", "Does smoking prevent cancer?"),
    ("Is the test positive?", "Is the test negative?"),
    ("Which team had more wins?", "Which team had fewer wins?"),
    ("Is the tumor benign?", "Is the tumor malignant?"),
    ("Is acute pain treated with heat?", "Is chronic pain treated with heat?"),
    ("Who always pays?", "Who never pays?"),
    ("What is the lowest temperature?", "What is the highest temperature?"),
    ("Are flights to Paris late?", "Are flights from Paris late?"),
    ("Is the door open?", "Is the door closed?"),
    ("Does Python allow mutable keys?", "Does Python allow immutable keys?"),
    ("What do regulations allow?", "What do regulations forbid?"),
    ("Which files are visible?", "Which files are hidden?"),
    ("Is it possible?", "Is it impossible?"),
    ("Are the results regular?", "Are the results irregular?"),
    ("Who can enter?", "Who can leave?"),
    ("Is the list empty?", "Is the list full?"),
    ("How do I turn the alarm on?", "How do I turn the alarm off?"),
    ("All patients recovered?", "None patients recovered?"),
    ("Is gluten included?", "Isn't gluten included?"),
    ("Does it contain lactose?", "Does it lack lactose?"),
    ("Are vaccines beneficial?", "Are vaccines harmful?"),
    ("Is A and B needed?", "Is A or B needed?"),
]

# another number, unit or order of numbers
NUMBERS = [
    ("Who won the election in 2020?", "Who won the election in 2021?"),
    ("What does 3 mg of warfarin do?", "What does 5 mg of warfarin do?"),
    ("What does 3 mg of warfarin do?", "What does 3 kg of warfarin do?"),
    ("Is Python 3.1 supported?", "Is Python 3.10 supported?"),
    ("How do I upgrade to version 2?", "How do I upgrade to version 3?"),
    ("Who finished first?", "Who finished second?"),
    ("What happens in two days?", "What happens in three days?"),
    ("What happens in two days?", "What happens in two weeks?"),
    ("Is 10% enough?", "Is 20% enough?"),
    ("Is $5 enough?", "Is $50 enough?"),
    ("How do I convert from 3 to 5?", "How do I convert from 5 to 3?"),
    ("Is -5 cold?", "Is 5 cold?"),
    ("Is 1,000 enough?", "Is 10,000 enough?"),
    ("What is 1.5 GB in bytes?", "What is 1.5 MB in bytes?"),
    ("Does one drink harm?", "Does two drink harm?"),
    ("Top 10 songs", "Top 100 songs"),
    ("Top songs", "Top 10 songs"),
    ("What happened on May 3?", "What happened on May 4?"),
    ("Who lived in the 1st century?", "Who lived in the 2nd century?"),
    ("Can I run 5 km?", "Can I run 5 miles?"),
    ("Is the limit 60 minutes?", "Is the limit 60 seconds?"),
    ("What is article 5?", "What is article 6?"),
    ("How many people live in ten cities?", "How many people live in twelve cities?"),
    ("What does HTTP 404 mean?", "What does HTTP 403 mean?"),
]

# another name
ENTITIES = [
    ("What is the capital of France?", "What is the capital of Germany?"),
    ("Who is the CEO of Apple?", "Who is the CEO of Google?"),
    ("Where does Mary live?", "Where does John live?"),
    ("What does the WHO say?", "What does the FDA say?"),
    ("How does BRCA1 work?", "How does BRCA2 work?"),
    ("What does numpy.array do?", "What does numpy.zeros do?"),
    ("What does sort_values do?", "What does sort_index do?"),
    ("What is \"dynamic typing\"?", "What is \"static typing\"?"),
    ("How do I install TensorFlow?", "How do I install PyTorch?"),
    ("Is vitamin C useful?", "Is vitamin D useful?"),
    ("Does the UK tax this?", "Does the US tax this?"),
    ("Is it in C++?", "Is it in C#?"),
    ("What does getName return?", "What does setName return?"),
    ("Who wrote Hamlet?", "Who wrote Macbeth?"),
    ("How far is Rome from Paris?", "How far is Rome from Madrid?"),
    ("Is hepatitis A contagious?", "Is hepatitis B contagious?"),
    ("How does TNF-alpha act?", "How does IL-alpha act?"),
    ("What is `foo`?", "What is `bar`?"),
    ("Is Windows slow?", "Is Linux slow?"),
    ("What did Anna tell Bob?", "What did Anna tell Carl?"),
    ("How do I use the AWS client?", "How do I use the GCP client?"),
    ("Does Ms. Smith work here?", "Does Ms. Jones work here?"),
    ("What does IT do?", "What does it do?"),
    ("How does f() work?", "How does g() work?"),
    ("Does the US tax us?", "Does the us tax us?"),
    ("How does one treat AIDS?", "How does one treat aids?"),
]

# another question, time or mood
QUESTION = [
    ("Who is the president?", "Who was the president?"),
    ("When is the meeting?", "Where is the meeting?"),
    ("Who wrote it?", "When did he write it?"),
    ("Why does it rain?", "How does it rain?"),
    ("What does it rain on?", "Where does it rain on?"),
    ("Can I take aspirin daily?", "Should I take aspirin daily?"),
    ("Does X help?", "Did X help?"),
    ("Must I pay?", "May I pay?"),
    ("Will it work?", "Would it work?"),
    ("Is he rich?", "Was he rich?"),
    ("Why is the sky blue?", "Is the sky blue?"),
    ("What does coffee do?", "Does coffee do?"),
    ("How do I pay?", "Why do I pay?"),
    ("Whose house is it?", "What house is it?"),
    ("What is a mutex?", "a mutex"),
    ("How does a lock work?", "Does a lock work?"),
    ("When was it built?", "Where was it built?"),
    ("Could it fail?", "Should it fail?"),
    ("What is a car?", "What has a car?"),
    ("What does metformin treat?", "What treats metformin?"),
    ("What is it like?", "What does it like?"),
]

# the same words, another order
ORDER = [
    ("Is A better than B?", "Is B better than A?"),
    ("Does smoking lead to stress?", "Does stress lead to smoking?"),
    ("Is the dog chasing the cat?", "Is the cat chasing the dog?"),
    ("How do I convert celsius to fahrenheit?", "How do I convert fahrenheit to celsius?"),
    ("Is tea healthier than coffee?", "Is coffee healthier than tea?"),
    ("Who beat Spain, France?", "Who beat France, Spain?"),
    ("Did Anna tell Bob?", "Did Bob tell Anna?"),
    ("How do I merge develop into master?", "How do I merge master into develop?"),
    ("Is blood thicker than water?", "Is water thicker than blood?"),
    ("Do viruses infect bacteria?", "Do bacteria infect viruses?"),
    ("translate english to french", "translate french to english"),
    ("Does insulin regulate glucagon?", "Does glucagon regulate insulin?"),
    ("python list to string", "python string to list"),
]

# other words
WORDS = [
    ("What is the capital of France?", "What is the population of France?"),
    ("What is the capital of France?", "What is the old capital of France?"),
    ("How do I sort a list?", "How do I reverse a list?"),
    ("Does aspirin help adults?", "Does aspirin help children?"),
    ("Does aspirin thin blood?", "Does ibuprofen thin blood?"),
    ("What does a car do?", "What does a car have?"),
    ("Does zinc shorten colds?", "Does zinc shorten flu?"),
    ("How do I cook rice?", "How do I wash rice?"),
    ("What is a good laptop for gaming?", "What is a good laptop for work?"),
    ("How long is the bridge?", "How old is the bridge?"),
    ("How many people died?", "How much people died?"),
    ("Who is my landlord?", "Who is your landlord?"),
    ("Is the milk in the fridge?", "Is the milk on the fridge?"),
    ("What do managers do?", "What do managers earn?"),
    ("What is the price of gold today?", "What is the price of gold?"),
    ("Only adults may enter?", "adults may enter?"),
    ("What is the news?", "What is the new?"),
    ("python sort list", "python sort dictionary"),
    ("wie hoch ist der Turm", "wie alt ist der Turm"),
    ("\u6771\u4eac\u306e\u4eba\u53e3\u306f", "\u5927\u962a\u306e\u4eba\u53e3\u306f"),
    ("Who manages the fund?", "Who managed the fund?"),
    ("Is the car red?", "Is the car dark red?"),
    ("How do I write to a file?", "How do I write a file?"),
    ("Which drug treats gout?", "Which diet treats gout?"),
    ("Is cancer in mice curable?", "Is cancer in rats curable?"),
    ("Does the drug reach the brain?", "Does the drug reach the liver?"),
    ("Is it half full?", "Is it full?"),
    ("What is the cause of death?", "What is the time of death?"),
    ("Can dogs eat grapes?", "Can dogs eat apples?"),
]

LABELLED = [
    ("none", SAME),
    ("polarity", POLARITY),
    ("numbers", NUMBERS),
    ("entities", ENTITIES),
    ("question", QUESTION),
    ("order", ORDER),
    ("words", WORDS),
]


def case(name, a, b, label):
    want = {"difference": label}
    return {"name": name, "inputs": {"a": a, "b": b}, "options": {}, "seed": 0, "want": want, "tolerance": 0.0}


cases = []
for label, pairs in LABELLED:
    for number, (a, b) in enumerate(pairs, 1):
        cases.append(case(f"{label} {number}", a, b, label))
        cases.append(case(f"{label} {number}, turned around", b, a, label))
texts = sorted({text for _, pairs in LABELLED for pair in pairs for text in pair})
for number, text in enumerate(texts[::7], 1):
    cases.append(case(f"a text and itself {number}", text, text, "none"))
long = "why " * 600
cases.append(case("two long texts", long, long + "not", "length"))
cases.append(case("a long text and itself", long, long, "none"))
cases.append(case("nothing and nothing", "", "", "none"))
cases.append(case("nothing and marks", "", "?!", "none"))
cases.append(case("nothing and something", "", "why", "question"))

doc = {
    "operation": "question_difference",
    "about": "What tells two questions apart, and whether they may share an answer.",
    "truth": "truth/questions.py",
}
head = json.dumps(doc, indent=1)[:-2]
lines = ",\n  ".join(json.dumps(c) for c in cases)
(HERE.parent / "question_difference.json").write_text(f'{head},\n "cases": [\n  {lines}\n ]\n}}\n')
