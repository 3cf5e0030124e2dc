package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"wsgimatrix/matrix/engine/docker"
)

const (
	keepTags   = 2              // of one name: going back and forth between two states builds nothing
	keepAge    = time.Hour      // what is younger may belong to a run that has just built it, or begun with it
	keepOrphan = 24 * time.Hour // of a name that is not in this plan: it may be in another checkout's
)

// Prune bounds what the builds leave on the disk. Of each name in the plan it keeps the
// newest tags; what the plan does not name goes after a day. What a container uses and what
// is young stays in any case. It returns how many images went.
func (m *Images) Prune(ctx context.Context, plan []Target) (int, error) {
	return m.removeWhere(ctx, func(found []tagged) []tagged { return surplus(found, plan, time.Now()) })
}

// Clean removes the images that are made for this checkout as it is now, and what no run can
// be about to use. The engine keeps what a container still uses.
func (m *Images) Clean(ctx context.Context, plan []Target) (int, error) {
	made, err := m.namesOf(ctx, plan)
	if err != nil {
		return 0, err
	}
	return m.removeWhere(ctx, func(found []tagged) []tagged {
		return slices.DeleteFunc(found, func(t tagged) bool { return !made[t.name()] && time.Since(t.at) < keepAge })
	})
}

// namesOf are the names that the plan's images have, with everything that they stand on.
func (m *Images) namesOf(ctx context.Context, plan []Target) (map[string]bool, error) {
	files, err := readContext(m.root)
	if err != nil {
		return nil, err
	}
	debian, err := m.identity(ctx)
	if err != nil {
		return nil, err
	}
	stamp, err := m.stamp(ctx, false)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{current: true}
	for _, t := range append(stages(), plan...) {
		names[tags{files, debian, stamp}.name(t)] = true
	}
	return names, nil
}

// stages are the images that are made once.
func stages() []Target {
	return []Target{{Kind: Base}, {Kind: Toolchain}, {Kind: build}}
}

func (m *Images) removeWhere(ctx context.Context, doomed func([]tagged) []tagged) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, limits.Prune)
	defer cancel()
	found, err := m.list(ctx)
	if err != nil {
		return 0, err
	}
	removed, err := m.removeAll(ctx, doomed(found))
	return removed, errors.Join(err, m.pruneLayers(ctx))
}

// tagged is one name of one of our images.
type tagged struct {
	repository, tag string
	at              time.Time // when it was tagged: built, or last asked for by a run
}

func (t tagged) name() string { return t.repository + ":" + t.tag }

// list returns our names, the newest first.
func (m *Images) list(ctx context.Context) ([]tagged, error) {
	images, err := m.cli.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", docker.Label+"=1"))})
	if err != nil {
		return nil, fmt.Errorf("image: list images: %w", err)
	}
	var out []tagged
	for i := range images {
		seen, err := m.cli.ImageInspect(ctx, images[i].ID)
		if err != nil {
			continue // gone since
		}
		for _, name := range seen.RepoTags {
			at := strings.LastIndex(name, ":")
			if at > 0 && strings.HasPrefix(name, repositories) {
				out = append(out, tagged{name[:at], name[at+1:], seen.Metadata.LastTagTime})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b tagged) int { return b.at.Compare(a.at) })
	return out, nil
}

// surplus is what a bounded cache does not keep; found is sorted, newest first.
func surplus(found []tagged, plan []Target, now time.Time) []tagged {
	planned := map[string]bool{}
	for _, t := range append(stages(), plan...) {
		planned[t.repository()] = true
	}
	seen := map[string]int{}
	return slices.DeleteFunc(found, func(t tagged) bool {
		seen[t.repository]++
		limit := keepAge
		if !planned[t.repository] {
			limit = keepOrphan
		}
		few := planned[t.repository] && seen[t.repository] <= keepTags
		return few || t.name() == current || now.Sub(t.at) < limit
	})
}

// removeAll removes names; what is in use, or gone already, is passed over.
func (m *Images) removeAll(ctx context.Context, doomed []tagged) (int, error) {
	removed := 0
	for _, t := range doomed {
		_, err := m.cli.ImageRemove(ctx, t.name(), image.RemoveOptions{PruneChildren: true})
		switch {
		case err == nil:
			removed++
		case errdefs.IsConflict(err), errdefs.IsNotFound(err):
		default:
			return removed, fmt.Errorf("image: remove %s: %w", t.name(), err)
		}
	}
	return removed, nil
}

// pruneLayers removes layers of ours that no image stands on: what failed builds and
// passing stages leave. The layers of a tagged image are its parents, and stay.
func (m *Images) pruneLayers(ctx context.Context) error {
	_, err := m.cli.ImagesPrune(ctx, filters.NewArgs(
		filters.Arg("label", docker.Label+"=1"),
		filters.Arg("dangling", "true"),
		filters.Arg("until", keepAge.String()),
	))
	if err != nil && !errdefs.IsConflict(err) { // another run is pruning
		return fmt.Errorf("image: prune layers: %w", err)
	}
	return nil
}
