import CadastreDisk
import CadastreNode
import CadastreStorage
import RaftCore
import Testing

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
        try node.node.apply.close()
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

    @Test
    func `a damaged journal ends with its own exit code and names file and offset`() throws {
        let node = try stopped()
        let path = try #require(
            node.disk.paths.first { $0.contains("/journal/") && !$0.hasSuffix("lock") }
        )
        // The founding batch, just behind the segment's header.
        for offset in 4_096..<4_700 { node.disk.flipBit(path, at: offset, bit: 3) }
        let damaged = error { () throws(NodeError) in
            _ = try NodeFixture.open(node.disk, node.genesis, node.settings)
        }
        #expect(damaged?.exitCode == .damaged)
        #expect(damaged?.description.contains("journal") == true)
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
