import CadastreDisk
import Testing

struct ChecksumTests {
    /// RFC 3720, appendix B.4.
    @Test(
        arguments: [
            ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
            ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
            (Array(0..<32), 0x46dd_794e),
            (Array((0..<32).reversed()), 0x113f_db5c),
            (Array("123456789".utf8), 0xe306_9283),
            ([], 0),
        ] as [([UInt8], UInt32)]
    )
    func `the vectors of the standard`(bytes: [UInt8], sum: UInt32) {
        #expect(Checksum.crc32c(bytes) == sum)
        #expect(bytes.withUnsafeBytes { Checksum.portableCRC32C($0) } == sum)
    }

    @Test
    func `both ways to sum agree at every size, place and seed`() {
        var generator = SplitMix64(seed: 1)
        let bytes = (0..<400).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        bytes.withUnsafeBytes { all in
            for size in 0..<300 {
                let start = size % 17
                let part = UnsafeRawBufferPointer(rebasing: all[start..<start + size])
                let seed = UInt32(truncatingIfNeeded: generator.next())
                #expect(
                    Checksum.crc32c(part, seed: seed) == Checksum.portableCRC32C(part, seed: seed)
                )
            }
        }
    }

    @Test
    func `sums chain`() {
        let bytes: [UInt8] = Array(0..<200)
        for cut in [0, 1, 7, 8, 100, 200] {
            let head = Checksum.crc32c(Array(bytes[..<cut]), seed: 77)
            let whole = Checksum.crc32c(Array(bytes[cut...]), seed: head)
            #expect(whole == Checksum.crc32c(bytes, seed: 77))
        }
        #expect(Checksum.crc32c(bytes.span.bytes, seed: 5) == Checksum.crc32c(bytes, seed: 5))
    }

    /// FIPS 180-4 examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `the hashes of the standard`(text: String, expected: String) {
        let digest = SHA256.hash(Array(text.utf8)).bytes.map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        #expect(digest.joined() == expected)
    }

    @Test
    func `one hasher hashes many messages in pieces`() {
        let hasher = SHA256()
        let message = (0..<1_000).map { UInt8(truncatingIfNeeded: $0) }
        for cut in [0, 1, 63, 64, 65, 999] {
            hasher.update(Array(message[..<cut]))
            hasher.update(Array(message[cut...]))
            #expect(hasher.finalize() == SHA256.hash(message))
        }
        hasher.update(words: (1, 2, 3, 4))
        var words: [UInt8] = []
        for word in [1, 2, 3, 4] as [UInt8] { words += [word, 0, 0, 0, 0, 0, 0, 0] }
        #expect(hasher.finalize() == SHA256.hash(words))
    }
}
