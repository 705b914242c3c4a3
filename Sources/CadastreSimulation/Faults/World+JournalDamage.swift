internal import CadastreDisk
internal import CadastreNode
internal import CadastreStorage
internal import RaftCore

/// Durable sectors of a journal that rot, while its node is down or runs.
///
/// Only what the promise is about: sectors below what the journal had marked as synced, so that the
/// damage is seen; and so that what is left says what the journal had become. What is behind the last
/// mark looks as what a crash has cut, and nobody can tell.
extension World {
    /// Whether this node's disk may rot now: one at a time, and none while another one is lost.
    func mayRot(_ node: SimulatedNode) -> Bool {
        guard scenario.rot != nil, case .faults = phase, scenario.weak.contains(node.place),
            !node.isNew, !node.hasOldDisk, node.disk.capacity == nil, node.interruption == nil,
            node.log.last > .zero, owner.wiped == nil
        else { return false }
        if scenario.isBeyond { return node.rotten == nil }
        return nodes.allSatisfy { $0.rotten == nil }
    }

    /// Lets sectors of a journal rot, at some starts.
    func rotJournal(_ node: SimulatedNode) throws(Violation) {
        guard let rot = scenario.rot, mayRot(node), rotChance.oneIn(rot.journalOneIn), isChosen()
        else {
            return
        }
        // Its machine is down, too: what was not synced is settled.
        node.disk.crash()
        node.disk.restart()
        node.wasKilled = false
        try damage(node, judgedOn: node.disk)
    }

    /// Lets sectors of the journal of a node that runs rot: it may read them or not, send none of
    /// what they hold now, and go on without them until it is started again.
    func rotWhileUp() throws(Violation) {
        guard let interval = scenario.rot?.runningInterval, case .faults = phase else { return }
        plan(.rot, after: rotChance.draw(interval))
        let candidates = nodes.filter { $0.isUp && mayRot($0) }
        guard !candidates.isEmpty, isChosen() else { return }
        let node = rotChance.pick(candidates)
        // What is not synced may still be lost: the damage must be seen without it.
        let crashed = SimulatedDisk(copying: node.disk, seed: rotChance.bits())
        crashed.loseUnsynced()
        crashed.endProcess()
        crashed.restart()
        try damage(node, judgedOn: crashed)
        if node.rotten != nil { reach.mark(.journalDamagedWhileUp) }
    }

    private func damage(_ node: SimulatedNode, judgedOn disk: SimulatedDisk) throws(Violation) {
        let durable = try checkedRecovery(node, on: disk)
        for _ in 0..<4 {
            let copy = SimulatedDisk(copying: disk, seed: rotChance.bits())
            let sectors = drawDamage(to: copy, sparesNewest: node.isUp)
            for sector in sectors { sector.strike(copy) }
            guard let said = isDurableDamage(copy, of: node, through: durable) else { continue }
            node.rotten = RottenJournal(
                before: sectors.map { ($0.path, $0.offset, $0.contents(on: node.disk)) }
            )
            for sector in sectors { sector.strike(node.disk) }
            faultCount += 1
            reach.mark(.journalDamaged)
            tell("the journal of node \(node.id) rots: \(said)")
            return
        }
    }

    // A few sectors, or the head of a segment; of a node that runs not of the segment that is being
    // written, nor of those that are ready for later: what it writes behind such damage is lost with
    // it, and proves nothing.
    private func drawDamage(to disk: SimulatedDisk, sparesNewest: Bool) -> [SectorDamage] {
        var segments = disk.paths.filter {
            $0.hasPrefix("\(SimulatedNode.folder)/journal/journal-")
        }
        if sparesNewest {
            let newest = segments.lastIndex { path in
                disk.contents(path)?.dropFirst(4_096).contains { $0 != 0 } == true
            }
            segments.removeSubrange((newest ?? 0)...)
        }
        var places: [(path: String, offset: Int)] = []
        for path in segments {
            guard let bytes = disk.contents(path) else { continue }
            for offset in stride(from: 0, to: bytes.count, by: SectorDamage.size) {
                let sector = bytes[offset..<min(offset + SectorDamage.size, bytes.count)]
                if sector.contains(where: { $0 != 0 }) { places.append((path, offset)) }
            }
        }
        guard !places.isEmpty else { return [] }
        return (0..<1 + rotChance.below(4)).map { _ in
            var place = rotChance.pick(places)
            if rotChance.oneIn(5) { place = (rotChance.pick(segments), 0) }
            let kind: SectorDamage.Kind =
                switch rotChance.below(3) {
                case 0:
                    .turnedBit(byte: rotChance.below(SectorDamage.size), bit: rotChance.below(8))
                case 1: .zeros
                case _: .unreadable
                }
            return SectorDamage(path: place.path, offset: place.offset, kind: kind)
        }
    }

    /// What is damaged, in words; nil where it is nothing durable, or nothing that is left proves
    /// what the journal had become.
    private func isDurableDamage(
        _ disk: SimulatedDisk,
        of node: SimulatedNode,
        through durable: GroupRecovery
    ) -> String? {
        do throws(StorageError) {
            let damage = try JournalDamage.judge(
                directory: "\(SimulatedNode.folder)/journal",
                on: disk,
                identity: journalIdentity(of: node),
                group: .directory
            )
            let last = durable.headers.last?.position ?? durable.start.position
            guard let damage, damage.last == last, damage.hardState == durable.hardState else {
                return nil
            }
            return damage.gaps.map { "\($0.file) at byte \($0.offset)" }.joined(separator: ", ")
        } catch {
            return nil
        }
    }

    /// What its journal says of whose it is.
    func journalIdentity(of node: SimulatedNode) -> JournalIdentity {
        JournalIdentity(
            cluster: genesis.cluster,
            node: node.id,
            incarnation: node.incarnation
        )
    }

    /// The sectors that rotted can be read again, as they sometimes can.
    func restoreJournal(_ node: SimulatedNode) {
        guard let rotten = node.rotten else { return }
        tell("the disk of node \(node.id) gives its sectors back")
        for (path, offset, bytes) in rotten.before {
            // A file that was given back meanwhile needs nothing.
            guard var file = node.disk.contents(path), offset + bytes.count <= file.count
            else { continue }
            file.replaceSubrange(offset..<offset + bytes.count, with: bytes)
            node.disk.setContents(path, file)
        }
        node.rotten = nil
    }
}

/// A sector of a file that loses what it held.
struct SectorDamage {
    enum Kind {
        case turnedBit(byte: Int, bit: Int)
        case zeros
        case unreadable
    }

    var path: String
    var offset: Int
    var kind: Kind

    /// Bytes of a sector.
    static let size = 512

    private var range: Range<Int> { offset..<offset + Self.size }

    func strike(_ disk: SimulatedDisk) {
        switch kind {
        case .turnedBit(let byte, let bit): disk.flipBit(path, at: offset + byte, bit: bit)
        case .zeros: disk.zero(path, range)
        case .unreadable: disk.makeUnreadable(path, range)
        }
    }

    /// What a disk holds there.
    func contents(on disk: SimulatedDisk) -> [UInt8] {
        guard let file = disk.contents(path) else { return [] }
        return Array(file[range.clamped(to: file.indices)])
    }
}
