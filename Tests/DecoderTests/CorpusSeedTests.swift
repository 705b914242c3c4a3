import CadastreDisk
import Foundation
import RaftCore
import Testing

@testable import CadastreStorage

/// Where the fuzzers begin: small things of every kind.
///
/// `CADASTRE_REWRITE=1` writes the files anew. Those of the protocol's formats are made of the samples
/// in `Tests/CadastreProtocolTests`.
@Suite
struct CorpusSeedTests {
    @Test(arguments: made.map(\.decoder))
    func `the fuzzers begin with everything of these formats`(decoder: Decoder) throws {
        let inputs = try #require(Self.made.first { $0.decoder == decoder }).inputs
        let name = Corpus.fileNames(of: decoder)[0]
        if ProcessInfo.processInfo.environment["CADASTRE_REWRITE"] == "1" {
            let text = inputs.map { Corpus.line($0) + "\n" }.joined()
            try Data(text.utf8).write(to: CorpusTests.folder.appending(path: name))
        }
        #expect(try CorpusTests.inputs(name).count >= inputs.count)
    }

    static let made: [(decoder: Decoder, inputs: [[UInt8]])] = [
        (.entry, entries.map(\.bytes)),
        (.block, blocks),
        (.record, [journal]),
        (.configuration, configurations.map(ConfigurationFormat.encode)),
        (.snapshotManifest, configurations.map { manifest($0).encode() }),
        (.snapshotChunk, chunks),
        (.settings, settings.map { Array($0.utf8) }),
        (.genesis, genesis.map { Array($0.utf8) }),
        (.inventoryLine, inventory.map { Array($0.utf8) }),
    ]

    // MARK: Storage

    private static let configurations: [Configuration] = {
        let members = (1...3).map { number in
            Member(
                id: NodeID(number),
                incarnation: Incarnation(high: number, low: 7),
                role: number == 3 ? .witness : number == 2 ? .learner : .voter,
                site: "fr/lyon/a\(number)/é",
                peerAddress: "a:1",
                clientAddress: "a:2",
                administrationAddress: "[::1]:3"
            )
        }
        return [
            Configuration(members: [members[0]], featureLevel: 1),
            Configuration(
                members: members,
                outgoing: [NodeID(1), NodeID(4)],
                featureLevel: 7,
                policy: Policy(
                    allowedCountries: ["be", "fr"],
                    preferredLeaders: ["fr/paris/p/o", "fr"],
                    survivesOneSite: true
                )
            ),
        ]
    }()

    private static let text = Array("datasets/train/images/part-00001-of-01024.parquet".utf8)
    private static let many = (0..<20).map { text + [UInt8($0)] }

    private static func entry(
        _ index: UInt64,
        _ kind: EntryKind = .commands,
        items: [[UInt8]] = [],
        after previous: EntryHash = .zero
    ) -> Entry {
        Entry.make(
            cluster: ClusterID(high: 1, low: 2),
            group: .directory,
            position: LogPosition(index: LogIndex(index), term: Term(1)),
            kind: kind,
            featureLevel: 1,
            now: 1_767_225_600_000,
            random: (3, 4),
            previousHash: previous,
            items: items
        )
    }

    private static let entries =
        [entry(1, .noOp), entry(1, items: [[1, 2, 3], [], [4]]), entry(1, items: [text])]
        + [entry(2, items: many)]
        + configurations.map { entry(1, .configuration($0)) }

    /// Of each codec: what is stored of an entry's only section.
    private static let blocks: [[UInt8]] = [[[1, 2, 3]], [text], many].map { items in
        let entry = entry(1, items: items)
        let section = entry.sections[0]
        return [
            section.codec.rawValue, UInt8(section.itemCount), UInt8(section.rawSize & 255),
            UInt8(section.rawSize >> 8),
        ] + entry.bytes[section.stored]
    }

    private static func manifest(_ configuration: Configuration) -> SnapshotManifest {
        SnapshotManifest(
            cluster: ClusterID(high: 1, low: 2),
            group: .directory,
            start: LogStart(
                position: LogPosition(index: LogIndex(9), term: Term(2)),
                hash: EntryHash(1, 2, 3, 4),
                configuration: configuration
            ),
            digestHigh: 5,
            digestLow: 6,
            clusterTime: 1_767_225_600_000,
            size: 4_098,
            chunkSize: 4_096,
            hash: SHA256.hash([1]),
            chunks: [
                SnapshotManifest.Chunk(rawSize: 4_096, storedSize: 77, hash: SHA256.hash([2])),
                SnapshotManifest.Chunk(rawSize: 2, storedSize: 2, hash: SHA256.hash([3])),
            ]
        )
    }

    private static let chunks: [[UInt8]] = {
        let raw = many.flatMap { $0 }
        let stored = LZ4.compress(raw, dictionary: 0) ?? []
        return [[3, 0, 1, 2, 3], [UInt8(raw.count & 255), UInt8(raw.count >> 8)] + stored]
    }()

    private static let identity = JournalIdentity(
        cluster: ClusterID(high: 1, low: 2),
        node: NodeID(2),
        incarnation: Incarnation(high: 3, low: 4)
    )

    private static let journalSettings = JournalSettings(
        segmentSize: Segment.size,
        sliceSize: Segment.size,
        reserveSize: 0
    )

    /// A segment with every kind of record, over two openings.
    private static let journal: [UInt8] = {
        let disk = SimulatedDisk(seed: 1)
        do throws(StorageError) {
            try write(on: disk)
        } catch {
            preconditionFailure("the sample journal is not written: \(error)")
        }
        let file = disk.paths.first { $0.hasSuffix("01.cadastre") }
        return Segment.input(file.flatMap { disk.contents($0) } ?? [])
    }()

    private static func write(on disk: SimulatedDisk) throws(StorageError) {
        try Journal.format(
            directory: "/j",
            on: disk,
            identity: identity,
            settings: journalSettings,
            seed: 1
        )
        let first = entry(1, .configuration(configurations[0]))
        let second = entry(2, items: [text], after: first.hash)
        let state = HardState(term: Term(1), vote: NodeID(2))
        var journal = try opened(disk)
        try journal.write([.hardState(.directory, state), .entry(first), .entry(second)])
        try journal.write([.truncate(.directory, from: LogIndex(2))])
        journal.close()
        journal = try opened(disk)
        try journal.write([.entry(entry(2, items: many, after: first.hash))])
        try journal.write([.start(.directory, manifest(configurations[1]).start)])
        try journal.writeMark()
        journal.close()
    }

    private static func opened(_ disk: SimulatedDisk) throws(StorageError) -> Journal {
        try Journal.open(
            directory: "/j",
            on: disk,
            identity: identity,
            settings: journalSettings,
            seed: 2
        ).journal
    }

    // MARK: Texts

    private static let settings = [
        """
        {"node":{"id":2,"directory":"data","genesis":"/etc/g.json"},
        "listen":{"peer":"127.0.0.1:7001","client":"[::1]:7002","administration":"localhost:7003"},
        "tls":{"server_certificate":"s.pem","server_key":"s.key","roots":["a.pem","/b.pem"]}}
        """,
        #"{"node":{"directory":"\u00e9\ud83d\ude00\n\\"}, "log": {}}"#,
        #"{ }"#,
    ]

    private static let genesis = ["", ",\"policy\":\(policy)"].map { ending in
        """
        {"cluster":"atlas","cluster_id":"00112233445566778899aabbccddeeff","members":[\
        {"id":1,"incarnation":"000000000000000000000000000000a1","role":"voter",\
        "site":"fr/paris/p1/ops","peer_address":"h:1","client_address":"h:2",\
        "administration_address":"[::1]:3"}]\(ending)}
        """
    }

    private static let policy =
        #"{"allowed_countries":["be","fr"],"preferred_leaders":["fr/paris"],"#
        + #""survives_one_site":false}"#

    private static let inventory = [
        #""photos","a%20b/c","v1","true","false","12","2026-03-01T12:34:56.789Z","e""#,
        "photos,a+b,,,,0,,\r\nphotos,%C3%A9,,FALSE,,4611686018427387904,2026-03-01T12:34:56Z,\"\"\"t\"\"\"\n",
        "\"photos\",\"k\",\"\",\"true\",\"true\",\"\",\"\",\"\"\n\n\"open\n",
    ]
}
