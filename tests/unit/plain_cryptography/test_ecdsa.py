"""ECDSA of the plain package: the vectors of RFC 6979 (A.2.5 to A.2.7), and the library's word on other keys and messages."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature as LibraryInvalidSignature
from cryptography.hazmat.primitives import hashes as library_hashes
from cryptography.hazmat.primitives.asymmetric import ec as library_ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from skupper_local.plain_cryptography.exceptions import InvalidSignature
from skupper_local.plain_cryptography.hazmat.primitives import hashes
from skupper_local.plain_cryptography.hazmat.primitives.asymmetric import ec
from skupper_local.plain_cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
    load_pem_private_key,
)

CURVES = ("SECP256R1", "SECP384R1", "SECP521R1")
HASHES = ("SHA256", "SHA384", "SHA512")

PRIVATE = {
    "SECP256R1": "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
    "SECP384R1": "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
    "SECP521R1": (
        "0FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1"
        "466F6D8FBEC67DB89EC0C08B0E996B83538"
    ),
}

VECTORS = (
    (
        "SECP256R1",
        "SHA256",
        "sample",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ),
    (
        "SECP256R1",
        "SHA384",
        "sample",
        "0EAFEA039B20E9B42309FB1D89E213057CBF973DC0CFC8F129EDDDC800EF7719",
        "4861F0491E6998B9455193E34E7B0D284DDD7149A74B95B9261F13ABDE940954",
    ),
    (
        "SECP256R1",
        "SHA512",
        "sample",
        "8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F00",
        "2362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE",
    ),
    (
        "SECP256R1",
        "SHA256",
        "test",
        "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367",
        "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
    ),
    (
        "SECP256R1",
        "SHA384",
        "test",
        "83910E8B48BB0C74244EBDF7F07A1C5413D61472BD941EF3920E623FBCCEBEB6",
        "8DDBEC54CF8CD5874883841D712142A56A8D0F218F5003CB0296B6B509619F2C",
    ),
    (
        "SECP256R1",
        "SHA512",
        "test",
        "461D93F31B6540894788FD206C07CFA0CC35F46FA3C91816FFF1040AD1581A04",
        "39AF9F15DE0DB8D97E72719C74820D304CE5226E32DEDAE67519E840D1194E55",
    ),
    (
        "SECP384R1",
        "SHA256",
        "sample",
        "21B13D1E013C7FA1392D03C5F99AF8B30C570C6F98D4EA8E354B63A21D3DAA33BDE1E888E63355D92FA2B3C36D8FB2CD",
        "F3AA443FB107745BF4BD77CB3891674632068A10CA67E3D45DB2266FA7D1FEEBEFDC63ECCD1AC42EC0CB8668A4FA0AB0",
    ),
    (
        "SECP384R1",
        "SHA384",
        "sample",
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
        "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
    ),
    (
        "SECP384R1",
        "SHA512",
        "sample",
        "ED0959D5880AB2D869AE7F6C2915C6D60F96507F9CB3E047C0046861DA4A799CFE30F35CC900056D7C99CD7882433709",
        "512C8CCEEE3890A84058CE1E22DBC2198F42323CE8ACA9135329F03C068E5112DC7CC3EF3446DEFCEB01A45C2667FDD5",
    ),
    (
        "SECP384R1",
        "SHA256",
        "test",
        "6D6DEFAC9AB64DABAFE36C6BF510352A4CC27001263638E5B16D9BB51D451559F918EEDAF2293BE5B475CC8F0188636B",
        "2D46F3BECBCC523D5F1A1256BF0C9B024D879BA9E838144C8BA6BAEB4B53B47D51AB373F9845C0514EEFB14024787265",
    ),
    (
        "SECP384R1",
        "SHA384",
        "test",
        "8203B63D3C853E8D77227FB377BCF7B7B772E97892A80F36AB775D509D7A5FEB0542A7F0812998DA8F1DD3CA3CF023DB",
        "DDD0760448D42D8A43AF45AF836FCE4DE8BE06B485E9B61B827C2F13173923E06A739F040649A667BF3B828246BAA5A5",
    ),
    (
        "SECP384R1",
        "SHA512",
        "test",
        "A0D5D090C9980FAF3C2CE57B7AE951D31977DD11C775D314AF55F76C676447D06FB6495CD21B4B6E340FC236584FB277",
        "976984E59B4C77B0E8E4460DCA3D9F20E07B9BB1F63BEEFAF576F6B2E8B224634A2092CD3792E0159AD9CEE37659C736",
    ),
    (
        "SECP521R1",
        "SHA256",
        "sample",
        (
            "1511BB4D675114FE266FC4372B87682BAECC01D3CC62CF2303C92B3526012659D16876E25C7C1E57648F23B73564D67F"
            "61C6F14D527D54972810421E7D87589E1A7"
        ),
        (
            "04A171143A83163D6DF460AAF61522695F207A58B95C0644D87E52AA1A347916E4F7A72930B1BC06DBE22CE3F58264AF"
            "D23704CBB63B29B931F7DE6C9D949A7ECFC"
        ),
    ),
    (
        "SECP521R1",
        "SHA384",
        "sample",
        (
            "1EA842A0E17D2DE4F92C15315C63DDF72685C18195C2BB95E572B9C5136CA4B4B576AD712A52BE9730627D16054BA40C"
            "C0B8D3FF035B12AE75168397F5D50C67451"
        ),
        (
            "1F21A3CEE066E1961025FB048BD5FE2B7924D0CD797BABE0A83B66F1E35EEAF5FDE143FA85DC394A7DEE766523393784"
            "484BDF3E00114A1C857CDE1AA203DB65D61"
        ),
    ),
    (
        "SECP521R1",
        "SHA512",
        "sample",
        (
            "0C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534"
            "931D7D4E8455CC91F9B15BF05EC36E377FA"
        ),
        (
            "0617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777"
            "B1A20F8CCB1DCCC43997F1EE0E44DA4A67A"
        ),
    ),
    (
        "SECP521R1",
        "SHA256",
        "test",
        (
            "00E871C4A14F993C6C7369501900C4BC1E9C7B0B4BA44E04868B30B41D8071042EB28C4C250411D0CE08CD197E4188EA"
            "4876F279F90B3D8D74A3C76E6F1E4656AA8"
        ),
        (
            "0CD52DBAA33B063C3A6CD8058A1FB0A46A4754B034FCC644766CA14DA8CA5CA9FDE00E88C1AD60CCBA759025299079D7"
            "A427EC3CC5B619BFBC828E7769BCD694E86"
        ),
    ),
    (
        "SECP521R1",
        "SHA384",
        "test",
        (
            "14BEE21A18B6D8B3C93FAB08D43E739707953244FDBE924FA926D76669E7AC8C89DF62ED8975C2D8397A65A49DCC09F6"
            "B0AC62272741924D479354D74FF6075578C"
        ),
        (
            "133330865C067A0EAF72362A65E2D7BC4E461E8C8995C3B6226A21BD1AA78F0ED94FE536A0DCA35534F0CD1510C41525"
            "D163FE9D74D134881E35141ED5E8E95B979"
        ),
    ),
    (
        "SECP521R1",
        "SHA512",
        "test",
        (
            "13E99020ABF5CEE7525D16B69B229652AB6BDF2AFFCAEF38773B4B7D08725F10CDB93482FDCC54EDCEE91ECA4166B2A7"
            "C6265EF0CE2BD7051B7CEF945BABD47EE6D"
        ),
        (
            "1FBD0013C674AA79CB39849527916CE301C66EA7CE8B80682786AD60F98F7E78A19CA69EFF5C57400E3B3A0AD66CE097"
            "8214D13BAF4E9AC60752F7B155E2DE4DCE3"
        ),
    ),
)


def plain_key(curve: str, number: int) -> ec.EllipticCurvePrivateKey:
    kind: ec.EllipticCurve = getattr(ec, curve)()
    return ec.EllipticCurvePrivateKey(kind._curve, number)


def library_key(curve: str, number: int) -> library_ec.EllipticCurvePrivateKey:
    return library_ec.derive_private_key(number, getattr(library_ec, curve)())


def order(curve: str) -> int:
    kind: ec.EllipticCurve = getattr(ec, curve)()
    return kind._curve.n


@pytest.mark.parametrize(("curve", "algorithm", "message", "r", "s"), VECTORS)
def test_signatures_are_those_of_rfc_6979(curve: str, algorithm: str, message: str, r: str, s: str) -> None:
    key = plain_key(curve, int(PRIVATE[curve], 16))
    signature = key.sign(message.encode(), getattr(hashes, algorithm)())
    assert decode_dss_signature(signature) == (int(r, 16), int(s, 16))


@pytest.mark.parametrize("curve", CURVES)
def test_the_order_of_the_generator_is_that_of_the_curve(curve: str) -> None:
    kind: ec.EllipticCurve = getattr(ec, curve)()
    parameters = kind._curve
    assert parameters.n.bit_length() == kind.key_size
    last = parameters.multiply(parameters.n - 1, parameters.generator)
    x, y = parameters.generator
    assert last == (x, parameters.p - y)


numbers = st.one_of(st.integers(1, 2**256), st.integers(2**200, 2**521))


@settings(max_examples=25)
@given(st.sampled_from(CURVES), st.sampled_from(HASHES), numbers, st.binary(max_size=200))
def test_the_library_verifies_what_the_plain_one_signs_and_the_other_way_round(
    curve: str, algorithm: str, number: int, message: bytes
) -> None:
    number = number % (order(curve) - 1) + 1
    ours, theirs = plain_key(curve, number), library_key(curve, number)
    plain_hash = getattr(hashes, algorithm)()
    scheme = library_ec.ECDSA(getattr(library_hashes, algorithm)())
    signature = ours.sign(message, plain_hash)
    theirs.public_key().verify(signature, message, scheme)
    ours.public_key().verify(theirs.sign(message, scheme), message, plain_hash)
    with pytest.raises(LibraryInvalidSignature):
        theirs.public_key().verify(signature, message + b"x", scheme)
    with pytest.raises(InvalidSignature):
        ours.public_key().verify(signature, message + b"x", plain_hash)


@settings(max_examples=40)
@given(st.data())
def test_a_damaged_signature_is_none_for_either(data: st.DataObject) -> None:
    curve = data.draw(st.sampled_from(CURVES))
    ours, theirs = plain_key(curve, 12345), library_key(curve, 12345)
    signature = bytearray(ours.sign(b"message", hashes.SHA256()))
    place = data.draw(st.integers(0, len(signature) - 1))
    signature[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidSignature):
        ours.public_key().verify(bytes(signature), b"message", hashes.SHA256())
    with pytest.raises(LibraryInvalidSignature):
        theirs.public_key().verify(bytes(signature), b"message", library_ec.ECDSA(library_hashes.SHA256()))


@settings(max_examples=25)
@given(st.sampled_from(CURVES), numbers)
def test_both_write_the_same_keys_and_read_each_other_s(curve: str, number: int) -> None:
    from cryptography.hazmat.primitives import serialization as library

    number = number % (order(curve) - 1) + 1
    ours, theirs = plain_key(curve, number), library_key(curve, number)
    for form in ("PKCS8", "TraditionalOpenSSL"):
        pem = theirs.private_bytes(
            library.Encoding.PEM, getattr(library.PrivateFormat, form), library.NoEncryption()
        )
        read = load_pem_private_key(pem, None)
        assert read.public_key() == ours.public_key()
        assert read.private_bytes(Encoding.PEM, getattr(PrivateFormat, form), NoEncryption()) == pem
    public = theirs.public_key().public_bytes(library.Encoding.DER, library.PublicFormat.SubjectPublicKeyInfo)
    assert load_der_public_key(public) == ours.public_key()
