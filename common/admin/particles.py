"""Korean particles after words that are put into a sentence: 상품을, 카테고리를."""

import re

PARTICLE = re.compile(r"([가-힣0-9])([’”'\")]?)(을\(를\)|이\(가\)|은\(는\)|과\(와\)|\(으\)로)")
AFTER_CONSONANT = {"을(를)": "을", "이(가)": "이", "은(는)": "은", "과(와)": "과", "(으)로": "으로"}
AFTER_VOWEL = {"을(를)": "를", "이(가)": "가", "은(는)": "는", "과(와)": "와", "(으)로": "로"}
SOUND_OF_DIGITS = dict(zip("0123456789", "영일이삼사오육칠팔구", strict=True))
RIEUL = 8


def with_particles(text: str) -> str:
    """`text` with the particle that belongs after each word that ends in Korean or in a digit."""
    return PARTICLE.sub(_chosen, text)


def _chosen(match: "re.Match[str]") -> str:
    letter, between, either = match.groups()
    final = (ord(SOUND_OF_DIGITS.get(letter, letter)) - ord("가")) % 28
    is_vowel = final == 0 or (final == RIEUL and either == "(으)로")
    return f"{letter}{between}{(AFTER_VOWEL if is_vowel else AFTER_CONSONANT)[either]}"
