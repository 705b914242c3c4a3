import RaftCore
import Testing

@testable import CadastreStorage

/// The policy at the end of a configuration.
@Suite
struct PolicyFormatTests {
    private static let policy = Policy(
        allowedCountries: ["be", "fr"],
        preferredLeaders: ["fr/paris", "be"],
        survivesOneSite: true
    )

    private static let bytes: [UInt8] =
        [1, 1, 2, 2] + Array("befr".utf8) + [8] + Array("fr/paris".utf8) + [2] + Array("be".utf8)

    private static func configuration(_ policy: Policy) -> Configuration {
        var result = Samples.configuration
        result.policy = policy
        return result
    }

    @Test
    func `a policy follows the voters, byte by byte`() throws {
        let plain = ConfigurationFormat.encode(Samples.configuration)
        let all = ConfigurationFormat.encode(Self.configuration(Self.policy))
        #expect(all == plain + Self.bytes)
        #expect(all.count == ConfigurationFormat.size(of: Self.configuration(Self.policy)))
        #expect(
            try ConfigurationFormat.decode(all[...]) == Self.configuration(Self.policy)
        )
        // What asks for nothing is as it was before there were policies.
        #expect(try ConfigurationFormat.decode(plain[...]).policy == Policy())
    }

    @Test(arguments: [
        Policy(allowedCountries: ["fr"]), Policy(preferredLeaders: ["fr"]),
        Policy(survivesOneSite: true),
    ])
    func `each point alone is kept`(_ policy: Policy) throws {
        let bytes = ConfigurationFormat.encode(Self.configuration(policy))
        #expect(try ConfigurationFormat.decode(bytes[...]).policy == policy)
        let start = LogStart(
            position: LogPosition(index: LogIndex(4), term: Term(2)),
            hash: EntryHash(1, 2, 3, 4),
            configuration: Self.configuration(policy)
        )
        var record: [UInt8] = []
        LogStartFormat.append(start, to: &record)
        #expect(record.count == LogStartFormat.size(of: start))
        #expect(try LogStartFormat.decode(record[...]) == start)
    }

    @Test
    func `anything else than what was written is refused`() throws {
        let plain = ConfigurationFormat.encode(Samples.configuration)
        func refused(_ change: (inout [UInt8]) -> Void) {
            var bytes = Self.bytes
            change(&bytes)
            #expect(throws: StorageError.self, "\(bytes)") {
                try ConfigurationFormat.decode((plain + bytes)[...])
            }
        }
        for size in 1..<Self.bytes.count { refused { $0.removeLast($0.count - size) } }
        refused { $0.append(0) }
        refused { $0[0] = 2 }
        refused { $0[1] = 2 }
        refused { $0[2] = 65 }
        refused { $0[3] = 17 }
        refused { $0[4] = UInt8(ascii: "B") }
        refused { $0[4] = UInt8(ascii: "z") }
        refused { $0[8] = 255 }
        refused { $0[9] = 0xFF }
        refused { $0 = [1, 0, 0, 0] }
    }
}
