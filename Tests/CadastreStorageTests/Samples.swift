import CadastreDisk
import RaftCore

@testable import CadastreStorage

/// What the tests of the journal write: small chains of entries, all from one seed.
enum Samples {
    static let cluster = ClusterID(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718)
    static let identity = JournalIdentity(
        cluster: cluster,
        node: NodeID(2),
        incarnation: Incarnation(high: 0x2122_2324_2526_2728, low: 0x3132_3334_3536_3738)
    )
    static let directory = "/data/journal"
    static let tiny = JournalSettings(segmentSize: 16_384, sliceSize: 8_192, reserveSize: 0)
    static let small = JournalSettings(segmentSize: 65_536, sliceSize: 65_536, reserveSize: 0)

    static let configuration = Configuration(
        members: (1...3).map { number in
            Member(
                id: NodeID(number),
                incarnation: Incarnation(high: number, low: number + 100),
                role: number == 3 ? .learner : .voter,
                site: "FR/Lyon/LYS\(number)/Opérateur",
                peerAddress: "10.0.0.\(number):7001",
                clientAddress: "10.0.0.\(number):7000",
                administrationAddress: "[::1]:7002"
            )
        },
        outgoing: [NodeID(1), NodeID(2)],
        featureLevel: 7
    )

    /// The entry behind `previous`.
    static func entry(
        after previous: EntryHeader?,
        group: GroupID = .directory,
        term: UInt64,
        items: [[UInt8]]
    ) -> Entry {
        Entry.make(
            cluster: cluster,
            group: group,
            position: LogPosition(
                index: previous?.index.next ?? LogIndex(1),
                term: Term(term)
            ),
            kind: items.isEmpty ? .noOp : .commands,
            featureLevel: 1,
            now: 1_700_000_000_000 + term,
            random: (term &* 3, term &* 5),
            previousHash: previous?.hash ?? .zero,
            items: items
        )
    }

    /// The entry behind the last one of a log.
    static func entry(
        behind end: LogStart,
        group: GroupID = .directory,
        term: UInt64,
        items: [[UInt8]] = [],
        configuration: Configuration? = nil
    ) -> Entry {
        let kind = configuration.map { EntryKind.configuration($0) }
        return Entry.make(
            cluster: cluster,
            group: group,
            position: LogPosition(index: end.position.index.next, term: Term(term)),
            kind: kind ?? (items.isEmpty ? .noOp : .commands),
            featureLevel: 1,
            now: 1_700_000_000_000 + term,
            random: (term &* 3, term &* 5),
            previousHash: end.hash,
            items: configuration == nil ? items : []
        )
    }

    /// A small configuration; another for each level.
    static func configuration(level: Int) -> Configuration {
        Configuration(
            members: [
                Member(
                    id: NodeID(1),
                    incarnation: Incarnation(high: 1, low: 2),
                    role: .voter,
                    site: "FR",
                    peerAddress: "a:1",
                    clientAddress: "a:2",
                    administrationAddress: "a:3"
                )
            ],
            featureLevel: UInt32(level)
        )
    }

    /// A new journal.
    static func format(
        _ disk: any Disk,
        _ settings: JournalSettings = tiny,
        seed: UInt64 = 1
    ) throws(StorageError) {
        try Journal.format(
            directory: directory,
            on: disk,
            identity: identity,
            settings: settings,
            seed: seed
        )
    }

    /// The journal of the directory.
    static func open(
        _ disk: any Disk,
        _ settings: JournalSettings = tiny,
        seed: UInt64 = 2
    ) throws(StorageError) -> (journal: Journal, recovered: [GroupRecovery]) {
        try Journal.open(
            directory: directory,
            on: disk,
            identity: identity,
            settings: settings,
            seed: seed
        )
    }

    /// A snapshot of two chunks, the first of them compressed.
    static let manifest = SnapshotManifest(
        cluster: cluster,
        group: GroupID(0x4142_4344),
        start: LogStart(
            position: LogPosition(
                index: LogIndex(0x0102_0304_0506_0708),
                term: Term(0x1112_1314_1516_1718)
            ),
            hash: EntryHash(1, 2, 3, 4),
            configuration: configuration
        ),
        digestHigh: 0x2122_2324_2526_2728,
        digestLow: 0x3132_3334_3536_3738,
        clusterTime: 0x6162_6364_6566_6768,
        size: 4_098,
        chunkSize: 4_096,
        hash: SHA256.hash([1]),
        chunks: [
            SnapshotManifest.Chunk(rawSize: 4_096, storedSize: 77, hash: SHA256.hash([2])),
            SnapshotManifest.Chunk(rawSize: 2, storedSize: 2, hash: SHA256.hash([3])),
        ]
    )

    /// Bytes that nothing compresses.
    static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var generator = SplitMix64(seed: seed)
        var bytes = [UInt8](repeating: 0, count: count / 8 * 8)
        for place in stride(from: 0, to: bytes.count, by: 8) {
            bytes.store(generator.next(), at: place)
        }
        return bytes
    }

    /// The files of the journal, without the lock.
    static func files(_ disk: SimulatedDisk) -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for path in disk.paths where !path.hasSuffix("lock") { files[path] = disk.contents(path) }
        return files
    }

    static func path(_ number: Int) -> String {
        let digits = String(number)
        let zeros = String(repeating: "0", count: 20 - digits.count)
        return "\(directory)/journal-\(zeros)\(digits).cadastre"
    }
}
