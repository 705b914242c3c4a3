import CadastreSimulation
import Testing

/// The checkers of cluster time and of service under faults catch what they are for.
struct ClusterClockTests {
    @Test
    func `time that no honest clock has reached is caught`() {
        let clock = ClusterClock(slack: 10)
        func checks(_ time: UInt64, _ walls: [UInt64]) -> Violation.Rule? {
            caught { () throws(Violation) in try clock.checks(time, honest: walls) }
        }
        #expect(checks(100, [50, 90]) == nil)
        #expect(checks(101, [50, 90]) == .clusterTime)
        #expect(checks(100, []) == nil)
    }

    @Test
    func `time that stands still while all honest clocks go on is caught`() {
        let clock = ClusterClock()
        func keepsUp(_ time: UInt64, _ walls: [UInt64]) -> Violation.Rule? {
            caught { () throws(Violation) in
                try clock.keepsUp(time, honest: walls, patience: 20)
            }
        }
        #expect(keepsUp(100, [120, 500]) == nil)
        #expect(keepsUp(100, [121, 500]) == .clusterTime)
        #expect(keepsUp(100, []) == nil)
    }
}

struct AvailabilityTests {
    private func checks(_ availability: inout Availability, at now: UInt64) -> Violation.Rule? {
        caught { () throws(Violation) in try availability.check(at: now) }
    }

    @Test
    func `a well majority that commits nothing for too long is caught`() {
        var availability = Availability(nodes: 3, patience: 100)
        availability.commits(at: 10)
        availability.answers(at: 10)
        #expect(checks(&availability, at: 110) == nil)
        #expect(checks(&availability, at: 120) == .availability)
    }

    // Seed 71002637: the same commands went to the node that was cut off, again and again.
    @Test
    func `nothing is committed where nothing is asked, and reads are answered`() {
        var availability = Availability(nodes: 3, patience: 100)
        availability.sees(2, isWell: false, at: 5)
        availability.commits(at: 10)
        availability.asks(2, at: 11)
        availability.answers(at: 95)
        #expect(checks(&availability, at: 120) == nil)
        availability.answers(at: 125)
        availability.asks(1, at: 130)
        #expect(checks(&availability, at: 170) == nil)
        #expect(checks(&availability, at: 185) == .availability)
    }

    @Test
    func `a well majority that commits and answers nobody is caught too`() {
        var availability = Availability(nodes: 3, patience: 100)
        availability.commits(at: 150)
        availability.answers(at: 40)
        #expect(checks(&availability, at: 140) == nil)
        #expect(checks(&availability, at: 160) == .availability)
    }

    @Test
    func `who is not well, or was not for long enough, is not counted on`() {
        var availability = Availability(nodes: 3, patience: 100)
        availability.sees(0, isWell: false, at: 5)
        availability.sees(1, isWell: false, at: 5)
        #expect(checks(&availability, at: 300) == nil)
        availability.sees(1, isWell: true, at: 310)
        availability.sees(1, isWell: true, at: 390)
        #expect(checks(&availability, at: 400) == nil)
        #expect(checks(&availability, at: 420) == .availability)
    }

    @Test
    func `a cut between the members of a majority excuses it`() {
        var availability = Availability(nodes: 3, patience: 100)
        availability.sees(0, isWell: false, at: 5)
        availability.sees(from: 2, to: 1, isCut: true, at: 5)
        #expect(checks(&availability, at: 300) == nil)
        availability.sees(from: 2, to: 1, isCut: false, at: 310)
        #expect(checks(&availability, at: 420) == .availability)
    }

    @Test
    func `service beside a faulty minority is counted once for each patience`() {
        var availability = Availability(nodes: 3, patience: 100)
        availability.sees(0, isWell: false, at: 0)
        for now: UInt64 in stride(from: 10, through: 310, by: 10) {
            availability.commits(at: now)
            availability.answers(at: now)
            #expect(checks(&availability, at: now) == nil)
        }
        #expect(availability.served == 3)
    }
}
