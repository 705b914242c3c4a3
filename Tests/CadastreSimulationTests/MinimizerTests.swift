import CadastreSimulation
import TestLanes
import Testing

/// Shrinking what is done to a world that breaks a promise.
@Suite(.heavy)
struct MinimizerTests {
    @Test
    func `a bug that needs no fault is shown without any`() throws {
        let smallest = try #require(Minimizer.minimize(seed: 1, sabotage: .wrongReply))
        #expect(smallest.numbers == [])
        #expect(smallest.runs == 2)
    }

    @Test
    func `what is left breaks the same promise, and no less does`() throws {
        var shown: [Int] = []
        let smallest = try #require(
            Minimizer.minimize(seed: 1, sabotage: .unmendedLinks) { left, _ in shown.append(left) }
        )
        #expect(!smallest.numbers.isEmpty && smallest.numbers.count < 10)
        #expect(shown.last == smallest.numbers.count && shown == shown.sorted(by: >))
        func rule(_ numbers: [Int]) -> Violation.Rule? {
            do throws(Violation) {
                let choice = FaultChoice(only: numbers)
                _ = try Simulation.run(seed: 1, sabotage: .unmendedLinks, faults: choice)
                return nil
            } catch {
                return error.rule
            }
        }
        #expect(rule(smallest.numbers) == smallest.violation.rule)
        #expect(rule(Array(smallest.numbers.dropLast())) != smallest.violation.rule)
    }

    @Test
    func `a world that keeps its promises is not shrunk`() {
        #expect(Minimizer.minimize(seed: 1) == nil)
    }
}
