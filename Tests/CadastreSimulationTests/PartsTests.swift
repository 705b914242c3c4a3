@testable import CadastreSimulation
import CadastreDisk
import Testing

/// What worlds are made of.
struct EventQueueTests {
    @Test
    func `events come by time, and at one time in the order of their planning`() {
        var queue = EventQueue<Int>()
        let times: [UInt64] = [5, 1, 5, 3, 1, 9, 5]
        for (event, time) in times.enumerated() { queue.add(event, at: time) }
        var order: [Int] = []
        while let next = queue.next() { order.append(next.event) }
        #expect(order == [1, 4, 3, 0, 2, 6, 5])
    }
}

struct QuorumContactTests {
    /// A leader among three that hears nobody, or one other at every eighth tick.
    private func contact(hearing peers: [Int], ticks: Int) -> QuorumContact {
        var contact = QuorumContact(nodes: 3)
        for tick in 0..<ticks {
            contact.ticks(isLeading: true)
            if tick % 8 == 7 { for peer in peers { contact.hears(from: peer) } }
        }
        return contact
    }

    @Test
    func `silence is counted for each peer, from the last that came`() {
        let contact = contact(hearing: [2], ticks: 100)
        #expect(!contact.hasHeard(1, within: 99))
        #expect(contact.hasHeard(1, within: 100))
        #expect(contact.hasHeard(2, within: 8))
        #expect(!contact.hasHeard(2, within: 3))
    }

    @Test
    func `who begins to lead has time, and again`() {
        var contact = QuorumContact(nodes: 3)
        for _ in 0..<100 { contact.ticks(isLeading: false) }
        for _ in 0..<40 { contact.ticks(isLeading: true) }
        #expect(!contact.hasLed(for: 40))
        contact.ticks(isLeading: true)
        #expect(contact.hasLed(for: 40))
        contact.ticks(isLeading: false)
        contact.ticks(isLeading: true)
        #expect(!contact.hasLed(for: 40))
    }
}

struct SimulatedNetworkTests {
    @Test
    func `cuts are counted, so that faults may overlap`() {
        var network = SimulatedNetwork(nodes: 3, quality: SimulatedNetwork.Quality())
        network.cut(from: 0, to: 1)
        network.cut(from: 0, to: 1)
        network.mend(from: 0, to: 1)
        #expect(network.isCut(from: 0, to: 1))
        #expect(!network.isCut(from: 1, to: 0))
        network.mend(from: 0, to: 1)
        #expect(!network.isCut(from: 0, to: 1))
    }

    @Test
    func `messages are lost and doubled as often as the quality says`() {
        var chance = Chance(seed: 4)
        var quality = SimulatedNetwork.Quality()
        quality.lossPerMille = 1_000
        func arrivals(at moment: UInt64 = 9, clog: UInt64 = 0) -> [UInt64] {
            var network = SimulatedNetwork(nodes: 2, quality: quality)
            network.clog(from: 0, to: 1, until: clog)
            return network.arrivals(of: moment, from: 0, to: 1, &chance)
        }
        #expect(arrivals().isEmpty)
        quality = SimulatedNetwork.Quality(lossPerMille: 0, duplicatePerMille: 1_000)
        #expect(arrivals().count == 2 && arrivals().allSatisfy { $0 > 9 })
        quality.duplicatePerMille = 0
        quality.replayPerMille = 1_000
        let replayed = arrivals()
        #expect(replayed.count == 2 && replayed[1] >= 9 + 20 * Span.millisecond)
        quality.replayPerMille = 0
        #expect(arrivals(clog: Span.second).allSatisfy { $0 > Span.second })
    }
}

struct WatchedDiskTests {
    @Test
    func `only synced bytes count, in whatever pieces they were written`() throws {
        let disk = WatchedDisk(SimulatedDisk(seed: 1), watching: "/journal")
        try disk.createDirectory("/journal")
        let file = try disk.open("/journal/a", mode: .create)
        try file.write(at: 0, [1, 2, 3])
        try file.write(at: 3, [4, 5, 1])
        #expect(!disk.hasSynced([2, 3]))
        try file.sync()
        #expect(disk.hasSynced([2, 3, 4]))
        #expect(disk.hasSynced([5, 1]))
        #expect(!disk.hasSynced([4, 3]))
        disk.forget()
        #expect(!disk.hasSynced([2, 3]))
    }

    @Test
    func `what a failed sync should have kept, a later one does not count as kept`() throws {
        let inner = SimulatedDisk(seed: 1)
        let disk = WatchedDisk(inner, watching: "/journal")
        try disk.createDirectory("/journal")
        let file = try disk.open("/journal/a", mode: .create)
        try file.write(at: 0, [1, 2, 3])
        inner.fail(.sync, nth: 1)
        #expect(throws: DiskError.self) { try file.sync() }
        try file.write(at: 3, [4, 5, 6])
        try file.sync()
        #expect(disk.hasSynced([4, 5, 6]))
        #expect(!disk.hasSynced([1, 2, 3]))
    }

    @Test
    func `files elsewhere are not watched`() throws {
        let disk = WatchedDisk(SimulatedDisk(seed: 1), watching: "/journal")
        try disk.createDirectory("/state")
        let file = try disk.open("/state/a", mode: .create)
        try file.write(at: 0, [1, 2, 3])
        try file.sync()
        #expect(!disk.hasSynced([1]))
    }
}
