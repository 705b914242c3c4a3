internal import CadastreDisk
package import CadastreProtocol

/// Puts of the record that every measurement uses: a key of 64 bytes and 256 bytes of locations, as
/// `cadastre bench put` sends them.
///
/// The same in every run: all that varies follows from one seed.
package struct PutStream: Sendable {
    /// In which order keys are used.
    package enum Order: Sendable {
        /// One after the other, and again from the first.
        case ascending
        /// Any, from the seed.
        case random
    }

    private let caller: Caller
    private let order: Order
    private let keyCount: Int
    private let firstSlot: Int
    private var number = 0
    private var sequences: [UInt64]
    private var generator = SplitMix64(seed: 1)

    private static let value = (0..<256).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
    private static let etag = Array("d41d8cd98f00b204e9800998ecf8427e".utf8)
    private static let checksum = Checksum(
        algorithm: .sha256,
        value: [UInt8](repeating: 0x5A, count: 32)
    )

    /// Puts of the caller over so many keys; the requests take turns in these slots.
    package init(
        of caller: Caller,
        _ order: Order,
        keyCount: Int,
        slots: Range<Int> = 0..<64
    ) {
        precondition(slots.upperBound < Caller.slots, "the last slot is the founder's")
        self.caller = caller
        self.order = order
        self.keyCount = keyCount
        firstSlot = slots.lowerBound
        sequences = [UInt64](repeating: 0, count: slots.count)
    }

    /// The next put, in the slot that was used least recently.
    package mutating func next() -> CommandEnvelope {
        next(inSlot: number % sequences.count)
    }

    /// The next put, in a slot of the stream: the first is 0.
    package mutating func next(inSlot slot: Int) -> CommandEnvelope {
        let place = order == .ascending ? number % keyCount : generator.next(below: keyCount)
        number += 1
        sequences[slot] += 1
        return CommandEnvelope(
            principal: caller.principal,
            tenant: caller.tenant,
            identity: .slot(
                session: caller.session,
                slot: UInt32(firstSlot + slot),
                sequence: sequences[slot]
            ),
            command: .putObject(
                PutObject(
                    bucket: Caller.bucket,
                    key: Self.key(place),
                    size: 30_000 + UInt64(place),
                    etag: Self.etag,
                    checksum: Self.checksum,
                    contentType: Array("application/octet-stream".utf8),
                    locations: Self.value
                )
            )
        )
    }

    /// The next puts.
    package mutating func next(_ count: Int) -> [CommandEnvelope] {
        (0..<count).map { _ in next() }
    }

    /// The key of a place, 64 bytes: `bench/` and the number with zeros before it.
    package static func key(_ place: Int) -> [UInt8] {
        let digits = Array(String(place).utf8)
        let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: 58 - digits.count)
        return Array("bench/".utf8) + zeros + digits
    }
}
