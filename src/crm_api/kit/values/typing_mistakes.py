"""How many typing mistakes lie between two words."""


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


def swaps(word: str) -> list[str]:
    """The word with two neighbours swapped, in every way."""
    ways = (
        f"{word[:n]}{word[n + 1]}{word[n]}{word[n + 2 :]}"
        for n in range(len(word) - 1)
        if word[n] != word[n + 1]
    )
    return list(dict.fromkeys(ways))
