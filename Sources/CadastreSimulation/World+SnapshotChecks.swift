internal import CadastreDisk
internal import CadastreNode
internal import CadastreStorage
internal import RaftCore

/// What must hold of snapshots beside their content: whole after a crash, of use to whom they are
/// offered, and soon enough.
extension World {
    /// How often a follower may need a snapshot once all is mended: one that was under way, and one
    /// that goes as far as the log does.
    private static let maximumInstalls = 2

    /// After the end of a machine, a snapshot that has its name has all of its bytes.
    func requireWholeSnapshots(of node: SimulatedNode) throws(Violation) {
        let directory = "\(SimulatedNode.folder)/snapshots"
        guard !node.hasRottenSnapshots, node.place != scenario.witness,
            node.disk.paths.contains(where: {
                $0.hasPrefix(directory + "/") && $0.hasSuffix(".chunks")
            })
        else { return }
        // Opening removes what is none, and nothing is drawn from this copy's chance.
        let copy = SimulatedDisk(copying: node.disk, seed: 0)
        copy.capacity = nil
        do throws(StorageError) {
            let store = try SnapshotStore(
                directory: directory,
                on: copy,
                cluster: genesis.cluster
            )
            for manifest in store.manifests {
                let id = manifest.id
                for number in manifest.chunks.indices { _ = try store.chunk(number, of: id) }
            }
        } catch {
            throw Violation(
                .recovery,
                "after a crash of node \(node.id) a snapshot is not what its manifest says: \(error)"
            )
        }
    }

    /// A leader offers a snapshot: its own log goes on behind it.
    ///
    /// One that ends before leaves the peer where it needs another one, for ever.
    func requireUseful(_ position: LogPosition, from node: SimulatedNode) throws(Violation) {
        guard node.role == .leader, position.index < node.base else { return }
        throw Violation(
            .liveness,
            "node \(node.id) offers a snapshot through \(position), its own log begins behind "
                + "\(node.base)"
        )
    }

    /// All is mended: a snapshot that was handed over before, and waits for the disk, is not counted.
    func beginCountingInstalls() {
        for node in nodes {
            for case .start in node.unsynced { node.installsWhileHealing = -1 }
        }
    }

    /// A turn of its journal put a snapshot in the place of a node's log.
    ///
    /// Of several in one turn the last one counts: a turn that began on a slow disk may outlast the
    /// faults, and all that comes meanwhile, one compaction of the leader's log after the other, waits
    /// for the next; so does what a full disk kept.
    func countInstall(of node: SimulatedNode) throws(Violation) {
        guard case .healing = phase else { return }
        node.installsWhileHealing += 1
        guard node.installsWhileHealing > Self.maximumInstalls else { return }
        throw Violation(
            .liveness,
            "node \(node.id) goes on from a snapshot for the \(node.installsWhileHealing)th time "
                + "since all was mended"
        )
    }
}
