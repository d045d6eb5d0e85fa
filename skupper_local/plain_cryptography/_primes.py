"""Large random primes: a sieve leaves few candidates, Miller and Rabin's test with random bases decides."""

from __future__ import annotations

import math
import secrets

ROUNDS = 24
"""A composite number passes each round with a probability of a quarter at most, random ones far less often."""

_SIEVE_BOUND = 12_000
_WINDOW = 4_096
"""Odd numbers looked at from one random start."""


def _small_primes(bound: int) -> tuple[int, ...]:
    sieve = bytearray([1]) * bound
    sieve[:2] = b"\0\0"
    for number in range(2, math.isqrt(bound) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, bound, number)))
    return tuple(number for number in range(bound) if sieve[number])


def is_probable_prime(number: int, rounds: int = ROUNDS) -> bool:
    """Whether ``number`` passes that many rounds."""
    if number < 4 or number % 2 == 0:
        return number in (2, 3)
    twos = ((number - 1) & -(number - 1)).bit_length() - 1
    odd = (number - 1) >> twos
    for turn in range(rounds):
        # The first base sorts nearly all composite numbers out and is fast; it counts for nothing.
        base = 2 if turn == 0 else secrets.randbelow(number - 3) + 2
        value = pow(base, odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def random_prime(bits: int, exponent: int) -> int:
    """A prime of exactly ``bits`` with its two highest bits set, so that two of them give a product of twice the length.

    ``exponent`` has no factor in common with the prime less one.
    """
    odd_primes = _small_primes(_SIEVE_BOUND)[1:]
    while True:
        start = secrets.randbits(bits) | 3 << (bits - 2) | 1
        composite = bytearray(_WINDOW)
        for prime in odd_primes:
            # start + 2 * index is divisible by prime
            first = -start * ((prime + 1) // 2) % prime
            composite[first::prime] = b"\1" * len(range(first, _WINDOW, prime))
        for index in range(_WINDOW):
            candidate = start + 2 * index
            if composite[index] or candidate.bit_length() != bits or math.gcd(candidate - 1, exponent) != 1:
                continue
            if is_probable_prime(candidate):
                return candidate
