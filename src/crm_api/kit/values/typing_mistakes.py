"""How many typing mistakes lie between two words."""

from string import ascii_lowercase

_SHORT = 5


def distance(one: str, other: str, most: int) -> int:
    """Letters left out, added, mistaken or swapped with a neighbour; `most + 1` for more of them.

    The optimal string alignment distance.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, beside in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != beside))
            if row > 1 < column and letter == other[column - 2] and one[row - 2] == beside:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        if min(line) > most:
            return most + 1
        before, last = last, line
    return min(last[-1], most + 1)


def unlike(word: str) -> list[str]:
    """The words one mistake away that share too few letters in a row with it to be similar.

    Neighbours swapped; of short words also one letter for another.
    """
    places = range(len(word))
    ways = [word[:n] + word[n + 1] + word[n] + word[n + 2 :] for n in places[:-1]]
    if len(word) <= _SHORT and word.isascii():
        ways += [word[:n] + letter + word[n + 1 :] for n in places for letter in ascii_lowercase]
    return [way for way in dict.fromkeys(ways) if way != word]
