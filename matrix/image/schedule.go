package image

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// builder is one call of Build.
type builder struct {
	*Images
	opts  Options
	tags  tags
	slots chan struct{}

	mu      sync.Mutex
	archive []byte // the build context as a tar, made when the first build asks for it
}

// missing are the targets of which there is no image with this content.
func (b *builder) missing(ctx context.Context, targets []Target) ([]Target, error) {
	var out []Target
	for _, t := range targets {
		there, err := b.exists(ctx, b.tags.name(t))
		if err != nil {
			return nil, err
		}
		if !there {
			out = append(out, t)
		}
	}
	return out, nil
}

// all builds what is missing, and first what it stands on: the classic builder would build
// that again for each of them at the same time, and so it finds it in its cache.
func (b *builder) all(ctx context.Context, missing []Target) error {
	if err := b.inTurn(ctx, Target{Kind: Base}); err != nil {
		return err
	}
	if b.opts.Refresh {
		if err := b.markCurrent(ctx); err != nil {
			return err
		}
	}
	goes, others := split(missing)
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() { errs[0] = b.withGo(ctx, goes) }) // the longer of the two
	both.Go(func() { errs[1] = b.sideBySide(ctx, others) })
	both.Wait()
	return errors.Join(errs[:]...)
}

// split separates the targets that stand behind the toolchain from those that do not.
func split(targets []Target) (goes, others []Target) {
	for _, t := range targets {
		if t.Kind == Toolchain || t.needsGo() {
			goes = append(goes, t)
		} else {
			others = append(others, t)
		}
	}
	return goes, others
}

// withGo builds the toolchain and, unless it alone is wanted, what it makes of our servers.
func (b *builder) withGo(ctx context.Context, targets []Target) error {
	if len(targets) == 0 {
		return nil
	}
	if err := b.inTurn(ctx, Target{Kind: Toolchain}); err != nil {
		return err
	}
	servers := slices.DeleteFunc(targets, func(t Target) bool { return t.Kind == Toolchain })
	if len(servers) == 0 {
		return nil
	}
	if err := b.inTurn(ctx, Target{Kind: build}); err != nil {
		return err
	}
	return b.sideBySide(ctx, servers)
}

func (b *builder) inTurn(ctx context.Context, targets ...Target) error {
	for _, t := range targets {
		if err := b.one(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) sideBySide(ctx context.Context, targets []Target) error {
	errs := make([]error, len(targets))
	var group sync.WaitGroup
	for i, t := range targets {
		group.Go(func() { errs[i] = b.one(ctx, t) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// one builds a target, unless its image is there, when a slot is free.
func (b *builder) one(ctx context.Context, t Target) error {
	b.slots <- struct{}{}
	defer func() { <-b.slots }()
	return b.ensure(ctx, t)
}

func (b *builder) ensure(ctx context.Context, t Target) error {
	there, err := b.exists(ctx, b.tags.name(t))
	if there || err != nil {
		return err
	}
	start := time.Now()
	if err := b.run(ctx, t); err != nil {
		return err
	}
	b.opts.Say("built %s in %.1fs", t, time.Since(start).Seconds())
	return nil
}

// names are the images of the targets that exist.
func (b *builder) names(targets []Target) map[Target]string {
	out := map[Target]string{}
	for _, t := range targets {
		if there, err := b.exists(context.Background(), b.tags.name(t)); err == nil && there {
			out[t] = b.tags.name(t)
		}
	}
	return out
}
