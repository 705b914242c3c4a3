@testable import CadastreSimulation
import Testing

/// What becomes of a violation.
struct SimulationTests {
    private static let outcome = Simulation.Outcome(
        seed: 1,
        virtualTime: 1,
        faultTime: 1,
        operations: 1,
        checked: 1,
        faults: 1,
        entries: 1,
        trace: 1,
        reach: Reach()
    )

    private func violation(_ lives: [Violation?]) -> Violation? {
        var left = lives
        do throws(Violation) {
            _ = try Simulation.confirmed { _ throws(Violation) in
                if let violation = left.removeFirst() { throw violation }
                return Self.outcome
            }
            return nil
        } catch {
            return error
        }
    }

    @Test
    func `a world without a violation is lived once`() {
        #expect(violation([nil]) == nil)
    }

    @Test
    func `a violation comes with the story of the second life`() throws {
        var told = Violation(.liveness, "stuck")
        told.story = ["it began"]
        let found = try #require(violation([Violation(.liveness, "stuck"), told]))
        #expect(found == told)
    }

    @Test
    func `a violation that the second life does not show is thrown all the same`() throws {
        let found = try #require(violation([Violation(.liveness, "stuck"), nil]))
        #expect(found.rule == .liveness)
        #expect(found.what.contains("not reproducible"))
    }

    @Test
    func `a second life that breaks another promise is no confirmation`() throws {
        let other = Violation(.recovery, "lost")
        let found = try #require(violation([Violation(.liveness, "stuck"), other]))
        #expect(found.rule == .liveness)
        #expect(found.what.contains("not reproducible") && found.what.contains("lost"))
    }
}
