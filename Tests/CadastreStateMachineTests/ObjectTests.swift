import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import Testing

/// Preconditions and quotas, case by case.
struct ObjectTests {
    @Test
    func `preconditions are judged against the object as it is`() throws {
        var world = try World()
        let key = bytes("k")
        let match = Precondition.ifMatch([bytes("x"), bytes("e1")])
        // Absent.
        #expect(try world.put(key, if: .ifPresent).refusal == .noSuchObject)
        #expect(try world.put(key, if: match).refusal == .noSuchObject)
        #expect(try world.delete(key, if: .ifPresent).refusal == .noSuchObject)
        #expect(try world.delete(key, if: match).refusal == .noSuchObject)
        #expect(try world.delete(key) == .done())
        #expect(try world.delete(key, if: .ifAbsent) == .done())
        #expect(try world.put(key, etag: "e1", if: .ifAbsent).refusal == nil)
        // Present, with the tag e1.
        #expect(try world.put(key, if: .ifAbsent).refusal == .preconditionFailed)
        #expect(try world.delete(key, if: .ifAbsent).refusal == .preconditionFailed)
        let other = Precondition.ifMatch([bytes("E1"), bytes("\"e1\""), []])
        #expect(try world.put(key, if: other).refusal == .preconditionFailed)
        #expect(try world.delete(key, if: other).refusal == .preconditionFailed)
        #expect(try world.put(key, etag: "e2", if: match).refusal == nil)
        #expect(try world.put(key, etag: "e3", if: match).refusal == .preconditionFailed)
        #expect(try world.put(key, etag: "e1", if: .ifPresent).refusal == nil)
        #expect(try world.delete(key, if: match).number == 1)
    }

    @Test
    func `what grows beyond the quota is refused, what shrinks passes even above it`() throws {
        var world = try World(quota: Quota(bytes: 100, objects: 2))
        #expect(try world.put(bytes("a"), size: 101).refusal == .quotaExceeded)
        #expect(try world.put(bytes("a"), size: 100).refusal == nil)
        #expect(try world.put(bytes("b"), size: 1).refusal == .quotaExceeded)
        #expect(try world.put(bytes("b"), size: 0).refusal == nil)
        #expect(try world.put(bytes("c"), size: 0).refusal == .quotaExceeded)
        // An overwrite without growth passes at the full quota.
        #expect(try world.put(bytes("a"), size: 100, etag: "new").refusal == nil)
        let update = UpdateTenant(name: bytes("acme"), quota: Quota(bytes: 10, objects: 1))
        try world.machine.apply(world.administrator.next(.updateTenant(update)))
        #expect(try world.put(bytes("a"), size: 90).refusal == nil)
        #expect(try world.put(bytes("a"), size: 91).refusal == .quotaExceeded)
        #expect(try world.put(bytes("b"), size: 1).refusal == .quotaExceeded)
        #expect(try world.delete(bytes("b")).number == 1)
        #expect(try world.put(bytes("b"), size: 0).refusal == .quotaExceeded)
        guard case .success(.usage(let usage)) = try world.ask(.getUsage(bucket: nil)) else {
            Issue.record("no usage")
            return
        }
        #expect(usage == Usage(buckets: 1, objects: 1, bytes: 90))
    }

    @Test
    func `sizes up to 2^62 are counted, and no sum overflows`() throws {
        var world = try World()
        #expect(try world.put(bytes("a"), size: 1 << 62).refusal == nil)
        #expect(try world.put(bytes("b"), size: 1 << 62).refusal == .quotaExceeded)
        #expect(try world.put(bytes("b"), size: 1 << 62 + 1).refusal == .invalidValue)
        #expect(try world.put(bytes("b"), size: .max).refusal == .invalidValue)
        #expect(try world.delete(bytes("a")).number == 1)
    }

    @Test
    func `keys of 1 to 1024 bytes are taken, whatever the bytes`() throws {
        var world = try World()
        #expect(try world.put([]).refusal == .invalidKey)
        #expect(try world.put([UInt8](repeating: 0xff, count: 1_025)).refusal == .invalidKey)
        for key in [[0], [0xff], [UInt8](repeating: 0xff, count: 1_024), bytes("../..//")] {
            #expect(try world.put(key).refusal == nil)
            let record = try objectRecord(world.ask(.getObject(bucket: bytes("photos"), key: key)))
            #expect(record.key == key)
        }
        let page = try objectPage(world.ask(.listObjects(ObjectListing(bucket: bytes("photos")))))
        #expect(page.items.count == 4)
    }
}
