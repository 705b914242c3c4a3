import CadastreDisk
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// A node's folder is this node's, used by one process, founded once.
struct NodeFolderTests {
    private func error(_ work: () throws(NodeError) -> Void) -> NodeError? {
        do throws(NodeError) {
            try work()
            return nil
        } catch {
            return error
        }
    }

    /// A disk on which a node was founded and ran, and what it ran with.
    private func stopped() throws -> (
        disk: SimulatedDisk, genesis: Genesis, settings: NodeSettings
    ) {
        let node = try NodeFixture(members: 3)
        while try node.node.journal.idle() {}
        try node.node.apply?.close()
        return (node.disk, node.genesis, node.settings)
    }

    @Test
    func `a folder is founded once`() throws {
        let node = try NodeFixture(members: 3)
        let again = error { () throws(NodeError) in
            try NodeFolder.found(
                NodeFixture.directory,
                on: node.disk,
                genesis: node.genesis,
                node: NodeID(1),
                settings: node.settings,
                seed: 9
            )
        }
        #expect(again?.exitCode == .inUse)
    }

    @Test
    func `who is not in the genesis is not founded`() throws {
        let found = error { () throws(NodeError) in
            try NodeFolder.found(
                "/other",
                on: SimulatedDisk(seed: 1),
                genesis: NodeFixture.genesis(members: 3),
                node: NodeID(4),
                settings: NodeSettings(),
                seed: 9
            )
        }
        #expect(found?.exitCode == .configuration)
    }

    @Test
    func `two processes cannot use one folder`() throws {
        let node = try NodeFixture(members: 3)
        let second = error { () throws(NodeError) in
            _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
        }
        #expect(second?.exitCode == .inUse)
        #expect(node.node.consensus.status.lastIndex == LogIndex(1))
    }

    @Test
    func `a folder that was left is opened again`() throws {
        let node = try stopped()
        let opened = try NodeFixture.open(node.disk, node.genesis, node.settings)
        #expect(opened.identity.node == NodeID(1))
        #expect(opened.consensus.status.configuration == node.genesis.configuration)
    }

    @Test
    func `another node's folder is refused and not touched`() throws {
        let node = try stopped()
        let before = node.disk.paths.map { node.disk.contents($0) }
        let asOther = error { () throws(NodeError) in
            _ = try NodeFixture.open(node.disk, node.genesis, node.settings, node: NodeID(2))
        }
        #expect(asOther?.exitCode == .configuration)
        let elsewhere = error { () throws(NodeError) in
            let genesis = NodeFixture.genesis(members: 3, cluster: 77)
            _ = try NodeFixture.open(node.disk, genesis, node.settings)
        }
        #expect(elsewhere?.exitCode == .configuration)
        #expect(node.disk.paths.map { node.disk.contents($0) } == before)
        // The lock was given back both times.
        _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
    }

    @Test
    func `an empty folder is no node`() throws {
        let opened = error { () throws(NodeError) in
            _ = try NodeFixture.open(
                SimulatedDisk(seed: 3),
                NodeFixture.genesis(members: 3),
                NodeSettings()
            )
        }
        #expect(opened?.exitCode == .configuration)
    }

    private func journal(_ number: Int) -> String {
        "\(NodeFixture.directory)/journal/journal-0000000000000000000\(number).cadastre"
    }

    @Test
    func `a damaged journal ends with its own exit code and names file and offset`() throws {
        let node = try stopped()
        let path = journal(1)
        let whole = try #require(node.disk.contents(path))
        // The founding batch, just behind the segment's header; and the header.
        for (offset, place) in [(4_096 + 30, 4_096), (4_096 + 300, 4_256), (20, 0)] {
            node.disk.setContents(path, whole)
            node.disk.flipBit(path, at: offset, bit: 3)
            let damaged = error { () throws(NodeError) in
                _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
            }
            #expect(damaged?.exitCode == .damaged)
            #expect(
                damaged?.description.hasPrefix("\(path) is damaged at byte \(place): ") == true,
                "\(String(describing: damaged))"
            )
        }
        node.disk.setContents(path, whole)
        _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
    }

    @Test
    func `a journal that is too short or cannot be read names file and offset`() throws {
        let node = try stopped()
        let path = journal(1)
        let whole = try #require(node.disk.contents(path))
        node.disk.setContents(path, Array(whole[..<9_000]))
        let short = error { () throws(NodeError) in
            _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
        }
        #expect(short?.exitCode == .damaged)
        #expect(short?.description.hasPrefix("\(path) is damaged at byte 9000: ") == true)
        node.disk.setContents(path, whole)
        node.disk.makeUnreadable(path, 4_100..<4_101)
        let unreadable = error { () throws(NodeError) in
            _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
        }
        #expect(unreadable?.exitCode == .damaged)
        #expect(unreadable?.description.hasPrefix("\(path) is damaged at byte 4096: ") == true)
    }

    @Test
    func `a missing segment and one of another node are named`() throws {
        let node = try stopped()
        #expect(node.disk.paths.contains(journal(2)))
        let whole = try #require(node.disk.contents(journal(1)))
        try node.disk.remove(journal(1))
        let missing = error { () throws(NodeError) in
            _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
        }
        #expect(missing?.exitCode == .damaged)
        #expect(missing?.description.hasPrefix("\(journal(1)) is missing") == true)
        node.disk.setContents(journal(1), whole)
        _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
    }

    @Test
    func `a folder that may not be used is not said to be in use`() throws {
        let node = try stopped()
        node.disk.fail(.lock, nth: 1, code: DiskError.notPermitted)
        let refused = error { () throws(NodeError) in
            _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
        }
        #expect(refused?.exitCode == .configuration)
        #expect(refused?.description.contains("EACCES") == true)
    }

    @Test
    func `an interrupted founding is told from a node that lost its identity`() throws {
        let path = "\(NodeFixture.directory)/identity"
        let ran = try stopped()
        try ran.disk.remove(path)
        let lost = error { () throws(NodeError) in
            _ = try NodeFixture.open(ran.disk, ran.genesis, ran.settings)
        }
        #expect(lost?.exitCode == .damaged)
        #expect(lost?.description.contains(path) == true)

        let disk = SimulatedDisk(seed: 1)
        let genesis = NodeFixture.genesis(members: 3)
        func found() -> NodeError? {
            error { () throws(NodeError) in
                try NodeFolder.found(
                    NodeFixture.directory,
                    on: disk,
                    genesis: genesis,
                    node: NodeID(1),
                    settings: NodeSettings(),
                    seed: 9
                )
            }
        }
        // The identity is the only file whose name is given by a rename after the journal's.
        disk.fail(.rename, nth: 2)
        #expect(found()?.exitCode == .inputOutput)
        #expect(try disk.exists(path + ".new"))
        for (advice, code) in [
            (found(), NodeError.ExitCode.inUse),
            (
                error { () throws(NodeError) in
                    _ = try NodeFixture.open(disk, genesis, NodeSettings())
                }, .configuration
            ),
        ] {
            #expect(advice?.exitCode == code)
            #expect(advice?.description.contains("interrupted") == true)
            #expect(advice?.description.contains("cadastred init") == true)
        }
    }

    @Test
    func `the names in a folder say what it holds`() {
        let cases: [([String], FolderContents)] = [
            ([], .nothing), (["journal"], .unfinishedFounding),
            (["identity.new", "journal"], .unfinishedFounding),
            (["identity", "journal"], .node), (["identity", "journal", "state"], .node),
            (["journal", "state"], .lostNode), (["state"], .lostNode),
            (["journal", "photos"], .others), (["photos"], .others),
        ]
        for (names, contents) in cases {
            #expect(FolderContents(names) == contents)
            #expect(contents.advice("/d").contains("/d"))
        }
    }

    @Test
    func `the identity file is written and read as ever`() throws {
        let disk = SimulatedDisk(seed: 1)
        try NodeFolder.found(
            NodeFixture.directory,
            on: disk,
            genesis: NodeFixture.genesis(members: 3),
            node: NodeID(2),
            settings: NodeSettings(),
            seed: 9
        )
        let bytes = try #require(disk.contents("\(NodeFixture.directory)/identity"))
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(
            digits == "4341444e4f44453105000000000000000600000000000000"
                + "0200000000000000020000000000000002000000000000008dc11326"
        )
        let identity = try #require(IdentityFile.decode(bytes))
        #expect(identity.cluster == ClusterID(high: 5, low: 6))
        #expect(identity.node == NodeID(2))
        #expect(identity.incarnation == Incarnation(high: 2, low: 2))
        for bit in 0..<bytes.count * 8 {
            var other = bytes
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(IdentityFile.decode(other) == nil)
        }
        for size in 0..<bytes.count { #expect(IdentityFile.decode(Array(bytes[..<size])) == nil) }
        #expect(IdentityFile.decode(bytes + [0]) == nil)
    }

    @Test
    func `preparing a segment leaves half of the reserve to the state`() throws {
        var settings = NodeSettings()
        settings.diskReserve = 1_000_000
        let node = try NodeFixture(members: 3, settings: settings)
        let journal = node.node.journal
        let needed = node.settings.journal.segmentSize + 500_000
        node.disk.capacity = node.disk.usedBytes + needed - 1
        while try journal.idle() {}
        #expect(journal.statistics.segments == 1)
        node.disk.capacity = node.disk.usedBytes + needed
        while try journal.idle() {}
        #expect(journal.statistics.segments == 2)
    }

    @Test
    func `every failure below has its exit code`() {
        let disk = DiskError(operation: .sync, path: "/f", code: DiskError.inputOutput)
        let identity = JournalIdentity(
            cluster: ClusterID(high: 0, low: 0),
            node: NodeID(1),
            incarnation: Incarnation(high: 0, low: 0)
        )
        let cases: [(StorageError, NodeError.ExitCode)] = [
            (.damaged(file: "/f", offset: 1, reason: ""), .damaged),
            (.contradictory(file: "/f", offset: 1, reason: ""), .damaged),
            (.missingSegment(file: "/f"), .damaged),
            (.misplacedSegment(file: "/f", number: 2), .damaged),
            (.unrecognisedFile(file: "/f"), .damaged), (.malformedEntry(reason: ""), .damaged),
            (.unavailable(group: .directory, index: LogIndex(1)), .damaged),
            (.wrongIdentity(file: "/f", expected: identity, found: identity), .configuration),
            (.newerFormat(file: "/f", version: 2), .configuration),
            (.noJournal(directory: "/f"), .configuration),
            (.journalExists(directory: "/f"), .inUse), (.locked(file: "/f"), .inUse),
            (.disk(disk), .inputOutput), (.outOfSpace(disk), .inputOutput),
        ]
        for (error, code) in cases {
            #expect(NodeError(error).exitCode == code, "\(error)")
            #expect(!NodeError(error).description.isEmpty)
        }
    }

    @Test
    func `a damaged identity file is refused`() throws {
        let node = try stopped()
        node.disk.flipBit("\(NodeFixture.directory)/identity", at: 20, bit: 1)
        let damaged = error { () throws(NodeError) in
            _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
        }
        #expect(damaged?.exitCode == .damaged)
    }

    @Test
    func `founding that crashes anywhere leaves a founded node or none`() throws {
        let genesis = NodeFixture.genesis(members: 3)
        var settings = NodeSettings()
        settings.journal.segmentSize = 64 * 1_024
        var wasFounded = false
        for operation in 1..<400 where !wasFounded {
            let disk = SimulatedDisk(seed: UInt64(operation))
            disk.crash(atOperation: operation)
            let failed = error { () throws(NodeError) in
                try NodeFolder.found(
                    NodeFixture.directory,
                    on: disk,
                    genesis: genesis,
                    node: NodeID(1),
                    settings: settings,
                    seed: 9
                )
            }
            wasFounded = failed == nil
            disk.forgetFaults()
            disk.crash()
            disk.restart()
            let opened = error { () throws(NodeError) in
                _ = try NodeFixture.open(disk, genesis, settings)
            }
            if wasFounded { #expect(opened == nil, "\(operation)") }
            #expect(opened == nil || opened?.exitCode == .configuration, "\(operation)")
        }
        #expect(wasFounded)
    }
}
