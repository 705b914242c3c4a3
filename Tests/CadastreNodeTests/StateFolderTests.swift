import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// A database that is none of this node's is set aside and built anew, once what fills it is there.
struct StateFolderTests {
    /// A node's state and its snapshots on a disk in memory.
    final class Node {
        static let state = "/node/state"
        static let database = "/node/state/state.sqlite"
        let disk: SimulatedDisk
        let identity = StateMachineIdentity(
            cluster: ClusterID(high: 5, low: 6),
            node: NodeID(1),
            incarnation: Incarnation(high: 1, low: 1)
        )
        /// The digest after each entry at which a snapshot was made.
        var digests: [LogPosition: StateDigest] = [:]

        init(seed: UInt64 = 1) throws {
            disk = SimulatedDisk(seed: seed)
            try disk.createDirectory("/node")
        }

        func store() throws -> SnapshotStore {
            try SnapshotStore(
                directory: "/node/snapshots",
                on: disk,
                cluster: identity.cluster,
                keeping: 2
            )
        }

        /// Applies entries through `last`, with a snapshot at each of `snapshots`, and stops.
        func run(through last: UInt64, snapshots: [UInt64]) throws {
            let machine = try StateMachine.open(
                directory: Self.state,
                on: disk,
                identity: identity
            )
            let store = try store()
            var replies: [Reply] = []
            for index in machine.applied.index.value + 1...last {
                let isFirst = index == 1
                let envelope = CommandEnvelope(
                    principal: .operator(name: Array("op".utf8)),
                    tenant: .none,
                    identity: .none,
                    command: .openSession(OpenSession(slots: 1))
                )
                try machine.apply(
                    EntryContext(
                        position: position(index),
                        kind: isFirst
                            ? .configuration(SnapshotStageTests.configuration) : .commands,
                        now: 0,
                        random: (0, 0),
                        featureLevel: 1
                    ),
                    commands: isFirst ? [] : [envelope],
                    into: &replies
                )
                try machine.endOfTurn(idle: false)
                guard snapshots.contains(index) else { continue }
                let image = try machine.beginImage()
                digests[image.applied] = image.digest
                let builder = try store.build(
                    SnapshotSource(
                        path: image.path,
                        size: image.size,
                        group: .directory,
                        start: start(index),
                        digestHigh: image.digest.high,
                        digestLow: image.digest.low,
                        clusterTime: image.clusterTime
                    ),
                    chunkSize: 4_096
                )
                while try !builder.step() {}
                _ = try builder.finish()
                machine.endImage()
            }
            try machine.close()
        }

        func position(_ index: UInt64) -> LogPosition {
            LogPosition(index: LogIndex(index), term: Term(1))
        }

        func start(_ index: UInt64) -> LogStart {
            LogStart(
                position: position(index),
                hash: EntryHash(index, 2, 3, 4),
                configuration: SnapshotStageTests.configuration
            )
        }

        /// What a start makes of it, where the log begins behind this entry.
        func open(logFrom index: UInt64) throws(NodeError) -> StateFolder.Opened {
            let store: SnapshotStore
            do { store = try self.store() } catch { throw NodeError(.inputOutput, "\(error)") }
            return try StateFolder(
                directory: Self.state,
                disk: disk,
                identity: identity,
                settings: StateMachineSettings(),
                start: index == 0 ? .beginning : start(index),
                store: store
            ).open()
        }

        /// The machine goes on with another process.
        func restart() {
            disk.endProcess()
            disk.restart()
        }

        func mark() throws -> StateMark? { try marks.read() }
        var marks: StateMarkFile { StateMarkFile(directory: Self.state, disk: disk) }

        /// Whether the rows are those of the digest, and it is the one of this entry.
        func isWhole(_ machine: StateMachine, at index: UInt64) throws -> Bool {
            let digest = try machine.recomputeDigest().digest
            return machine.applied == position(index) && digest == digests[position(index)]
        }

        /// Gets the snapshot of a peer through this entry, whole, where received ones are.
        func receive(_ index: UInt64, of peer: Node) throws {
            let (from, to) = (try peer.store(), try store())
            let manifest = try #require(
                from.manifests.first { $0.start.position == position(index) }
            )
            let receiver = try to.receive(
                manifest,
                group: .directory,
                notOlderThan: LogIndex(index)
            )
            while try receiver.step() != .complete {
                for number in receiver.missing(maximumCount: 1) {
                    let chunk = try from.chunk(number, of: manifest.id)
                    _ = try receiver.receive(chunk, chunk: number)
                }
            }
            digests[position(index)] = peer.digests[position(index)]
        }

        /// Damages a chunk of the snapshot through this entry.
        func damageSnapshot(_ index: UInt64) throws {
            let manifest = try #require(
                try store().manifests.first { $0.start.position == position(index) }
            )
            disk.flipBit("/node/snapshots/\(manifest.id).chunks", at: 100, bit: 1)
        }
    }

    private func refusal(_ node: Node, logFrom index: UInt64) -> NodeError? {
        do throws(NodeError) {
            _ = try node.open(logFrom: index)
            return nil
        } catch {
            return error
        }
    }

    private func prepared(seed: UInt64 = 1) throws -> Node {
        let node = try Node(seed: seed)
        try node.run(through: 50, snapshots: [20, 40])
        node.restart()
        return node
    }

    @Test(arguments: [0, 10, 40] as [UInt64])
    func `what is no database is kept and built anew from the newest snapshot`(
        logFrom: UInt64
    ) throws {
        let node = try prepared()
        let bytes = [UInt8](repeating: 7, count: 10_000)
        node.disk.setContents(Node.database, bytes)
        let opened = try node.open(logFrom: logFrom)
        #expect(opened.isRebuilt && opened.hasReplacedState)
        #expect(try node.isWhole(opened.stateMachine, at: 40))
        #expect(node.disk.contents("\(Node.database).aside") == bytes)
        #expect(opened.notes.count == 1)
        #expect(opened.notes[0].contains("\(Node.database).aside, 10000 bytes"))
        #expect(try !node.disk.list("/node/snapshots").contains { $0.hasPrefix("receiving") })
        try opened.stateMachine.close()
        node.restart()
        let again = try node.open(logFrom: logFrom)
        #expect(!again.isRebuilt && again.notes.isEmpty)
    }

    @Test
    func `every page that SQLite needs at a start may be damaged`() throws {
        let node = try prepared()
        let whole = try #require(node.disk.contents(Node.database))
        for page in 0..<whole.count / 8_192 {
            var bytes = whole
            for offset in page * 8_192..<(page + 1) * 8_192 { bytes[offset] = 0x5a }
            node.disk.setContents(Node.database, bytes)
            let opened = try node.open(logFrom: 10)
            // Pages that a start does not look at are found by who reads them.
            if opened.isRebuilt { #expect(try node.isWhole(opened.stateMachine, at: 40)) }
            #expect(page > 0 || opened.isRebuilt)
            node.restart()
        }
    }

    @Test
    func `a snapshot that does not verify is removed and the older one used`() throws {
        let node = try prepared()
        node.disk.setContents(Node.database, [1, 2, 3])
        try node.damageSnapshot(40)
        let opened = try node.open(logFrom: 20)
        #expect(try node.isWhole(opened.stateMachine, at: 20))
        #expect(opened.notes.count == 2)
        #expect(opened.notes[1].contains("does not verify"))
        #expect(try node.store().manifests.map(\.start.position) == [node.position(20)])
    }

    @Test
    func `without anything to build it from the database is not touched`() throws {
        let node = try prepared()
        node.disk.setContents(Node.database, [1, 2, 3])
        try node.damageSnapshot(40)
        let refused = try #require(refusal(node, logFrom: 21))
        #expect(refused.exitCode == .damaged)
        #expect(refused.description.contains("cadastred init --join"), "\(refused)")
        #expect(node.disk.contents(Node.database) == [1, 2, 3])
        #expect(node.disk.contents("\(Node.database).aside") == nil)
        #expect(refusal(node, logFrom: 21)?.exitCode == .damaged)
    }

    @Test
    func `what was received and stands for the log is what a state is built anew from`() throws {
        let peer = try Node(seed: 2)
        try peer.run(through: 60, snapshots: [60])
        try crashAnywhere(logFrom: 60, rebuilt: 60) { try $0.receive(60, of: peer) }
    }

    /// Seed 4987736321731: a received snapshot had taken the database's place, was all that the node
    /// had, and the disk failed to read it once.
    @Test
    func `what was not read once and has nothing to take its place is kept, if every row is there`()
        throws
    {
        let unread = StateMark(stage: .unread, words: "EIO")
        let peer = try Node(seed: 2)
        try peer.run(through: 50, snapshots: [50])
        let manifest = try #require(try peer.store().manifests.first).encode()
        /// What an installation leaves that failed when it had the file.
        func left(seed: UInt64 = 1) throws -> Node {
            let node = try prepared(seed: seed)
            node.disk.setContents("/node/snapshots/receiving.manifest", manifest)
            try node.marks.write(unread)
            node.restart()
            return node
        }
        func isKept(_ node: Node) throws {
            let opened = try node.open(logFrom: 50)
            #expect(opened.stateMachine.applied == node.position(50) && !opened.isRebuilt)
            #expect(try node.mark() == nil)
            #expect(try !node.disk.list("/node/snapshots").contains { $0.hasPrefix("receiving") })
            try opened.stateMachine.close()
            node.restart()
            #expect(try node.open(logFrom: 50).notes.isEmpty)
        }
        try isKept(try left())
        // Whatever fails to be read once more, and wherever the machine stops.
        var nth = 0
        var isDone = false
        while !isDone {
            nth += 1
            var node = try left(seed: UInt64(nth))
            node.disk.fail(.read, nth: nth)
            let opened = try node.open(logFrom: 50)
            #expect(!opened.isRebuilt && opened.notes.count == 1, "read \(nth)")
            #expect(opened.notes[0].contains("Look at the disk"))
            let reads = node.disk.statistics.reads
            node = try left(seed: UInt64(nth))
            node.disk.crash(atOperation: nth)
            isDone = refusal(node, logFrom: 50) == nil && nth > reads
            node.disk.crash()
            node.disk.restart()
            try isKept(node)
        }
        #expect(nth > 20)

        // What can be rebuilt is.
        var node = try prepared()
        try node.marks.write(unread)
        #expect(try node.open(logFrom: 40).isRebuilt)
        // Nor is it kept for a log that goes on behind it, or after the rows were at fault.
        for (mark, logFrom) in [(unread, 51), (StateMark(stage: .open, words: "page 3"), 50)]
            as [(StateMark, UInt64)]
        {
            node = try prepared()
            try node.marks.write(mark)
            #expect(refusal(node, logFrom: logFrom)?.exitCode == .damaged)
            #expect(try node.mark() == mark)
        }
        // A page that stays unreadable is found, if it is one that is read.
        let size = try #require(node.disk.contents(Node.database)).count
        var found = 0
        for page in 0..<size / 8_192 {
            node = try prepared()
            try node.marks.write(unread)
            node.disk.makeUnreadable(Node.database, page * 8_192..<(page + 1) * 8_192)
            guard let refused = refusal(node, logFrom: 50) else { continue }
            found += 1
            #expect(refused.exitCode == .damaged, "page \(page)")
            #expect(try node.mark() == unread)
        }
        #expect(found > 10)
    }

    @Test
    func `what was received and does not verify leaves an older log to this node's own snapshots`()
        throws
    {
        let peer = try Node(seed: 2)
        try peer.run(through: 60, snapshots: [40, 60])
        // Behind what was received the log does not begin: it was not given up for it yet.
        var node = try prepared()
        try node.receive(60, of: peer)
        node.disk.setContents(Node.database, [1, 2, 3])
        #expect(try node.isWhole(node.open(logFrom: 40).stateMachine, at: 40))
        node = try prepared()
        try node.receive(40, of: peer)
        node.disk.setContents("/node/snapshots/receiving.raw", [1, 2, 3])
        node.disk.setContents(Node.database, [1, 2, 3])
        let opened = try node.open(logFrom: 40)
        #expect(try node.isWhole(opened.stateMachine, at: 40))
        #expect(opened.notes.contains { $0.contains("a received snapshot is not used") })
    }

    @Test
    func `a log from its first entry needs no snapshot`() throws {
        let node = try Node()
        try node.run(through: 5, snapshots: [])
        node.restart()
        node.disk.setContents(Node.database, [1, 2, 3])
        let opened = try node.open(logFrom: 0)
        #expect(opened.isRebuilt && !opened.hasReplacedState)
        #expect(opened.stateMachine.applied == .zero)
    }

    @Test
    func `the database of another life of the disk is set aside`() throws {
        let node = try prepared()
        let other = StateMachineIdentity(
            cluster: node.identity.cluster,
            node: node.identity.node,
            incarnation: Incarnation(high: 9, low: 9)
        )
        try node.disk.remove(Node.database)
        try StateMachine.open(directory: Node.state, on: node.disk, identity: other).close()
        let opened = try node.open(logFrom: 10)
        #expect(opened.isRebuilt)
        #expect(try node.isWhole(opened.stateMachine, at: 40))
    }

    @Test
    func `what the disk cannot read is set aside, what it fails to read once is not`() throws {
        let node = try prepared()
        node.disk.fail(.read, nth: 3)
        let opened = try node.open(logFrom: 10)
        #expect(!opened.isRebuilt)
        try opened.stateMachine.close()
        node.restart()
        node.disk.makeUnreadable(Node.database, 0..<512)
        let rebuilt = try node.open(logFrom: 10)
        #expect(rebuilt.isRebuilt)
        #expect(try node.isWhole(rebuilt.stateMachine, at: 40))
    }

    @Test
    func `a mark of damage is followed once`() throws {
        let node = try prepared()
        try node.marks.write(StateMark(stage: .open, words: "a page is not what was written"))
        let opened = try node.open(logFrom: 10)
        #expect(opened.isRebuilt && opened.mark == nil)
        #expect(opened.notes[0].contains("a page is not what was written"))
        #expect(try node.mark() == nil)
        try opened.stateMachine.close()
        node.restart()
        #expect(try !node.open(logFrom: 10).isRebuilt)
    }

    @Test
    func `a state that differed is built once from before it differed, and no more`() throws {
        let node = try prepared()
        func differs(_ first: UInt64, since equal: UInt64) -> StateMachineError {
            .diverged(
                Divergence(
                    first: Divergence.Moment(index: LogIndex(first), milliseconds: 1),
                    lastEqual: Divergence.Moment(index: LogIndex(equal), milliseconds: 1)
                )
            )
        }
        let mark = try #require(StateMark(of: differs(32, since: 24), behind: nil))
        try node.marks.write(mark)
        let opened = try node.open(logFrom: 10)
        // The newest snapshot is of a state that may be as wrong.
        #expect(try node.isWhole(opened.stateMachine, at: 20))
        #expect(opened.notes[0].contains("DIFFERED"))
        #expect(opened.mark?.stage == .rebuilt)
        #expect(try node.mark() == opened.mark)
        try opened.stateMachine.close()
        node.restart()
        #expect(try node.open(logFrom: 10).mark?.firstDifferent == LogIndex(32))
        node.restart()
        // Damage between leaves the divergence on record.
        let damage = try #require(StateMark(of: .damaged("page 3"), behind: opened.mark))
        #expect(damage.stage == .open && damage.firstDifferent == LogIndex(32))
        let again = try #require(StateMark(of: differs(32, since: 24), behind: opened.mark))
        #expect(again.stage == .final)
        try node.marks.write(again)
        let before = node.disk.contents(Node.database)
        for _ in 0..<2 {
            let refused = try #require(refusal(node, logFrom: 10))
            #expect(refused.exitCode == .diverged)
            #expect(refused.description.contains(node.marks.path))
        }
        #expect(node.disk.contents(Node.database) == before)
    }

    @Test
    func `a log that goes back far enough is believed rather than a snapshot in doubt`() throws {
        let node = try prepared()
        var mark = StateMark(stage: .open, words: "")
        mark.firstDifferent = LogIndex(16)
        mark.lastEqual = LogIndex(8)
        try node.marks.write(mark)
        let opened = try node.open(logFrom: 0)
        #expect(opened.stateMachine.applied == .zero)
        node.restart()
        try node.marks.write(mark)
        #expect(try node.isWhole(node.open(logFrom: 10).stateMachine, at: 20))
    }

    @Test
    func `a crash anywhere is gone on from`() throws {
        try crashAnywhere(logFrom: 10, rebuilt: 40) { _ in }
    }

    /// Stops the machine at each operation of a start that rebuilds the state, with a mark and with a
    /// database that ends within a page, and starts again.
    private func crashAnywhere(
        logFrom: UInt64,
        rebuilt: UInt64,
        _ prepare: (Node) throws -> Void
    ) throws {
        for isMarked in [false, true] {
            var nth = 0
            var isDone = false
            while !isDone {
                nth += 1
                let node = try prepared(seed: UInt64(nth))
                try prepare(node)
                let whole = try #require(node.disk.contents(Node.database))
                if isMarked {
                    try node.marks.write(StateMark(stage: .open, words: "page 3"))
                } else {
                    node.disk.setContents(Node.database, Array(whole[..<3_000]))
                }
                node.restart()
                node.disk.crash(atOperation: nth)
                isDone = refusal(node, logFrom: logFrom) == nil
                node.disk.crash()
                node.disk.restart()
                let opened = try node.open(logFrom: logFrom)
                #expect(try node.isWhole(opened.stateMachine, at: rebuilt), "operation \(nth)")
                #expect(node.disk.contents("\(Node.database).aside") != nil, "operation \(nth)")
                #expect(try node.mark() == nil)
                let left = try node.disk.list("/node/snapshots")
                #expect(!left.contains { $0.hasPrefix("receiving") }, "operation \(nth)")
            }
            #expect(nth > 20)
        }
    }

    @Test
    func `a mark is read as it was written, and any other file says that something is wrong`()
        throws
    {
        let node = try Node()
        try node.disk.createDirectory(Node.state)
        #expect(try node.mark() == nil)
        var mark = StateMark(stage: .rebuilt, words: "déjà vu")
        mark.firstDifferent = LogIndex(2_048)
        mark.lastEqual = LogIndex(1_024)
        try node.marks.write(mark)
        #expect(try node.mark() == mark)
        let bytes = mark.encode()
        for bit in 0..<bytes.count * 8 {
            var other = bytes
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(StateMark.decode(other) == nil)
        }
        for size in 0..<bytes.count { #expect(StateMark.decode(Array(bytes[..<size])) == nil) }
        for other in [[], [1], Array(bytes.dropLast()), [UInt8](repeating: 0, count: 9_000)] {
            node.disk.setContents(node.marks.path, other)
            #expect(try node.mark()?.stage == .open)
        }
        mark.words = String(repeating: "a", count: 10_000)
        try node.marks.write(mark)
        #expect(try node.mark()?.words.count == 4_096)
        #expect(StateMark(of: .inUse, behind: nil) == nil)
    }

    @Test
    func `a moment is said as a calendar does`() {
        let cases: [(UInt64, String)] = [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_790_000_000_001, "2026-09-21T14:13:20.001Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (.max, "18446744073709551615 ms since 1970"),
        ]
        for (milliseconds, text) in cases {
            #expect("\(WallTime(milliseconds: milliseconds))" == text)
        }
    }
}
