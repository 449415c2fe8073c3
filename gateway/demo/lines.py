"""What is said in the demonstration, spoken by espeak-ng in the voice of each person."""

from __future__ import annotations

from simulators.speech import Speech

GREETING = Speech("advisor", "One one one, my name is Tom. What has happened?")
COMPLAINT = Speech("patient", "I have a tight pain in my chest and my left arm.")
WHEN = Speech("advisor", "When did the pain start?")
STAIRS = Speech("patient", "Twenty minutes ago, on the stairs.")
ASIDE = Speech("floorwalker", "Nobody on the call hears this, I only listen.")
SICK = Speech("patient", "I feel sick, and I am sweating.")
ALONE = Speech("advisor", "Are you alone in the house?")
ADVICE = Speech("floorwalker", "Tom, ask about the jaw, and about blood thinners. Then send the ambulance.")
JOINING = Speech("floorwalker", "Hello, this is Sarah, the nurse. I have joined your call.")
WELCOME = Speech("patient", "Oh, thank you. I am frightened.")
DOOR = Speech("advisor", "Please unlock the front door for them.")
SECOND_ASIDE = Speech("floorwalker", "And now they do not hear me any more.")
TAKING_OVER = Speech("floorwalker", "I take care of you from here. Have you any aspirin?")
UNHEARD = Speech("advisor", "I am still here, but she only hears Sarah now.")
ASPIRIN = Speech("patient", "Yes, in the kitchen.")
BACK = Speech("advisor", "It is Tom again. They are nearly there.")
RELIEF = Speech("patient", "I think I can hear it coming.")
WORSE = Speech("patient", "It is getting worse, I can hardly breathe.")
WITH_YOU = Speech("floorwalker", "I am with you, Tom. Sit her down on the floor.")
STAYING = Speech("floorwalker", "Tom has gone. I stay with you.")
GOODBYE = Speech("patient", "They are at the door now. Goodbye.")

CHAT = (
    (COMPLAINT, WHEN),
    (STAIRS, ALONE),
    (SICK, BACK),
    (WORSE, DOOR),
    (RELIEF, GREETING),
)
"""The patient's and the advisor's part, over and over while people try the modes."""
MUSINGS = {"listen": ASIDE, "whisper": ADVICE, "barge": JOINING, "takeover": TAKING_OVER}
"""What Sarah says over and over in each mode."""

ALL = [value for value in list(globals().values()) if isinstance(value, Speech)]


def prepare() -> None:
    """Speak everything that is not in the cache yet. Raises `SimulatorError` where espeak-ng is missing."""
    for speech in ALL:
        speech.audio()
